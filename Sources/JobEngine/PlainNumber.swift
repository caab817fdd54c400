extension Double {
  /// As people write it: without a fraction where there is none.
  package var plain: String {
    Int64(exactly: self).map(String.init) ?? "\(self)"
  }
}
