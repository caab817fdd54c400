extension Double {
  /// As people write it: without a fraction where there is none.
  package var plain: String {
    Int64(exactly: self).map(String.init) ?? "\(self)"
  }

  /// The sum, without what binary fractions leave behind: 1.1 and 2.2 are 3.3, and not more.
  func plus(_ other: Double) -> Double {
    let sum = self + other
    let near = (sum * 1e6).rounded() / 1e6
    return abs(sum - near) < 1e-9 ? near : sum
  }
}
