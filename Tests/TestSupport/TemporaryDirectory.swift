package import Linux

/// A folder for one test, removed with all in it when the last owner lets go of it.
package final class TemporaryDirectory: Sendable {
  package let path: String
  private let name: String
  private let parent: String

  /// Below `parent`: /tmp, unless jobs must see it, whose /tmp is their own.
  package init(in parent: String = "/tmp", mode: UInt32 = 0o700) throws(SystemError) {
    let random = Random.bytes(8).map { String($0, radix: 16) }.joined()
    self.name = "worker-test-\(random)"
    self.parent = parent
    self.path = "\(parent)/\(self.name)"
    try File.makeFolders(self.path, mode: mode)
  }

  deinit {
    if let folder = try? File.openFolder(self.parent) {
      try? Folder.removeTree(self.name, in: folder)
    }
  }

  package func path(_ name: String) -> String { "\(self.path)/\(name)" }

  /// A file in it.
  @discardableResult
  package func write(_ name: String, _ text: String = "", mode: UInt32 = 0o600) throws(SystemError)
    -> String
  {
    let folder = try File.openFolder(self.path)
    try File.replace(name, in: folder, with: Array(text.utf8), mode: mode, durable: false)
    return self.path(name)
  }
}
