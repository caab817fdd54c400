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
    while let next = tree.next { try tree.remove(next, in: folder, while: goesOn) }
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
///
/// These have numbers for names, given in turn, so that a tree of any width is some ranges of numbers: what
/// a job leaves must not decide how much memory its removal takes.
private struct Tree {
  private var top: [CChar]?
  /// Of the folders to be emptied yet.
  private var numbers: [Range<Int>] = []
  private var moved = 0
  /// So that two removals in one parent cannot meet.
  private let prefix = Folder.removingPrefix + "\(UInt64.random(in: 0 ... .max))"

  init(top: [CChar]) {
    self.top = top
  }

  /// The folder to remove next.
  var next: [CChar]? { self.numbers.last.map { self.name($0.upperBound - 1) } ?? self.top }

  private func name(_ number: Int) -> [CChar] { Array("\(self.prefix)-\(number)".utf8CString) }

  /// Removes `next` after its files; its folders have been moved up then, to be next.
  mutating func remove(
    _ name: [CChar], in parent: borrowing OwnedDescriptor, while goesOn: () -> Bool
  ) throws(SystemError) {
    let first = self.moved
    var removed = 0
    repeat {
      removed = try self.empty(name, in: parent, while: goesOn)
      if unlinkat(parent.rawValue, name, AT_REMOVEDIR) == 0 || errno == ENOENT {
        return self.leave(adding: first..<self.moved)
      }
      // One that still has something in it was read before that came; nothing came: it is the end.
    } while errno == ENOTEMPTY && removed > 0
    throw Folder.failure(name)
  }

  private mutating func leave(adding found: Range<Int>) {
    if let last = self.numbers.popLast() {
      if last.count > 1 { self.numbers.append(last.dropLast()) }
    } else {
      self.top = nil
    }
    if !found.isEmpty { self.numbers.append(found) }
  }

  /// Answers with how many entries are gone.
  private mutating func empty(
    _ name: [CChar], in parent: borrowing OwnedDescriptor, while goesOn: () -> Bool
  ) throws(SystemError) -> Int {
    let raw = openat(parent.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard raw >= 0 else {
      if errno == ENOENT { return 0 }
      throw Folder.failure(name)
    }
    let folder = OwnedDescriptor(owning: raw)
    var removed = 0
    try Folder.forEach(in: folder) { child throws(SystemError) in
      guard goesOn() else { throw SystemError(call: "remove", errno: ECANCELED) }
      if try !Folder.removeFile(child, in: raw) { try self.moveUp(child, from: raw, to: parent) }
      removed += 1
    }
    return removed
  }

  private mutating func moveUp(
    _ child: [CChar], from folder: CInt, to parent: borrowing OwnedDescriptor
  ) throws(SystemError) {
    // An empty one, the usual leaf, need not move.
    if unlinkat(folder, child, AT_REMOVEDIR) == 0 { return }
    guard renameat(folder, child, parent.rawValue, self.name(self.moved)) == 0 else {
      if errno == ENOENT { return }  // somebody else removes the tree, too
      throw Folder.failure(child)
    }
    self.moved += 1
  }
}
