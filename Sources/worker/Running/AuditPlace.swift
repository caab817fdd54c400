import Linux

/// What of an audit file jobs must not see: its folder, with the renamed files in it, if it is a folder
/// of its own.
struct AuditPlace {
  let file: String
  /// Whether nothing but audit files is in the folder.
  let isOwnFolder: Bool
  private let folder: String

  /// `path`: of a file that exists.
  init(_ path: String) throws {
    self.file = try File.realPath(path)
    let slash = self.file.lastIndex(of: "/") ?? self.file.startIndex
    self.folder = String(self.file[..<slash])
    let name = String(self.file[slash...].dropFirst())
    let names = try Folder.names(in: try File.openFolder(self.folder.isEmpty ? "/" : self.folder))
    // As renamed by logrotate(8): audit.log.1, audit.log-20261123.gz.
    self.isOwnFolder =
      !self.folder.isEmpty && names.allSatisfy { $0.hasPrefix(name) || [".", ".."].contains($0) }
  }

  var hidden: String { self.isOwnFolder ? self.folder : self.file }
}
