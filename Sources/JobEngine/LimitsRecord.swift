import JobStore

/// The file `limits` of a job: what UpdateJob made of its limits, in place of what `spec` says. Only
/// there once they were changed.
struct LimitsRecord: Hashable, Sendable {
  var limits: Limits
  /// Read back from the kernel.
  var applied: [String: AppliedLimit]

  func encoded() -> [UInt8] {
    var fields = Fields()
    self.limits.append(to: &fields)
    fields.append(self.applied)
    return fields.encoded(kind: "limits")
  }

  init(limits: Limits, applied: [String: AppliedLimit]) {
    self.limits = limits
    self.applied = applied
  }

  init(_ bytes: [UInt8]) throws(StoreError) {
    let fields = try Fields(bytes, kind: "limits")
    self.init(limits: Limits(fields), applied: fields.applied)
  }
}
