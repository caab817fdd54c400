import Glibc

/// Listing and removing folders.
package enum Folder {
  /// What a removal that was cut short may leave beside the tree begins so.
  package static let removingPrefix = ".removing-"

  /// The names in `folder`, without `.` and `..`, in no order.
  package static func names(in folder: borrowing OwnedDescriptor) throws(SystemError) -> [String] {
    var names: [String] = []
    try self.forEach(in: folder) { name throws(SystemError) in
      names.append(String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return names
  }

  /// Removes `name` and all below it, following no link; nothing there is fine.
  ///
  /// Works on descriptors, so that a folder swapped for a link meanwhile cannot lead it elsewhere, and
  /// by bytes, as names need not be UTF-8. A tree of any depth takes two descriptors and no
  /// recursion: a folder found inside is moved up beside the top one and emptied in its turn.
  /// `goesOn` is asked before each entry; ECANCELED once it says no.
  package static func removeTree(
    _ name: String, in folder: borrowing OwnedDescriptor, while goesOn: () -> Bool = { true }
  ) throws(SystemError) {
    let top = name.utf8CString.map { $0 }
    if try self.removeFile(top, in: folder.rawValue) { return }
    var tree = Tree(top: top)
    while let next = tree.folders.last {
      try tree.empty(next, in: folder, while: goesOn)
      if tree.folders.last == next {
        guard unlinkat(folder.rawValue, next, AT_REMOVEDIR) == 0 || errno == ENOENT else {
          throw self.failure(next)
        }
        tree.folders.removeLast()
      }
    }
  }

  /// Calls `body` with each name and its NUL. `body` may remove what it is given, see readdir(3).
  fileprivate static func forEach(
    in folder: borrowing OwnedDescriptor, _ body: ([CChar]) throws(SystemError) -> Void
  ) throws(SystemError) {
    // A fresh open, as a duplicate would share the position with the caller's.
    let copy = try File.open(".", in: folder, O_RDONLY | O_DIRECTORY)
    guard let stream = fdopendir(copy.rawValue) else {
      throw SystemError(call: "fdopendir", errno: errno)
    }
    _ = copy.release()  // closedir closes it
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        raw.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
      }
      if name == [46, 0] || name == [46, 46, 0] { continue }
      try body(name)
    }
  }

  /// True when `name` was no folder and is gone now.
  fileprivate static func removeFile(_ name: [CChar], in folder: CInt) throws(SystemError) -> Bool {
    if unlinkat(folder, name, 0) == 0 || errno == ENOENT { return true }
    guard errno == EISDIR || errno == EPERM else { throw self.failure(name) }
    return false
  }

  fileprivate static func failure(_ name: [CChar]) -> SystemError {
    let code = errno
    let text = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return SystemError(call: "remove(\(text))", errno: code)
  }
}

/// A tree being removed: its top folder, and those that were found in it and moved up beside it.
private struct Tree {
  var folders: [[CChar]]
  private var moved = 0
  /// So that two removals in one parent cannot meet.
  private let prefix = Folder.removingPrefix + "\(UInt64.random(in: 0 ... .max))"

  init(top: [CChar]) {
    self.folders = [top]
  }

  /// Removes the files of a folder and moves its folders up, to be emptied next.
  mutating func empty(
    _ name: [CChar], in parent: borrowing OwnedDescriptor, while goesOn: () -> Bool
  ) throws(SystemError) {
    let raw = openat(parent.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard raw >= 0 else {
      if errno == ENOENT { return }
      throw Folder.failure(name)
    }
    let folder = OwnedDescriptor(owning: raw)
    var found: [[CChar]] = []
    try Folder.forEach(in: folder) { child throws(SystemError) in
      guard goesOn() else { throw SystemError(call: "remove", errno: ECANCELED) }
      if try !Folder.removeFile(child, in: raw) { found.append(child) }
    }
    for child in found { try self.moveUp(child, from: folder, to: parent) }
  }

  private mutating func moveUp(
    _ child: [CChar], from folder: borrowing OwnedDescriptor,
    to parent: borrowing OwnedDescriptor
  ) throws(SystemError) {
    // An empty one, the usual leaf, need not move.
    if unlinkat(folder.rawValue, child, AT_REMOVEDIR) == 0 { return }
    self.moved += 1
    let name = Array("\(self.prefix)-\(self.moved)".utf8CString)
    guard renameat(folder.rawValue, child, parent.rawValue, name) == 0 else {
      throw Folder.failure(child)
    }
    self.folders.append(name)
  }
}
