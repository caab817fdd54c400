import Glibc

/// Watches on all the folders in which the names of some paths are looked up, links followed, see
/// path_resolution(7): so whatever makes a path another file is an event.
struct LookupWatches {
  /// What is looked up in each watched folder.
  private var names: [CInt: Set<String>] = [:]
  private var problem: SystemError?

  /// Watches for `paths` as they lead now, and for nothing else. Answers with the first folder's reason
  /// not to be watched.
  mutating func renew(_ paths: [String], _ inotify: borrowing Inotify) -> SystemError? {
    let before = self.names.keys
    self.names = [:]
    self.problem = nil
    for path in paths { self.follow(path, inotify) }
    for watch in before where self.names[watch] == nil { inotify.unwatch(watch) }
    return self.problem
  }

  /// Whether one of the paths may be concerned.
  func concern(_ events: [Inotify.NameEvent]) -> Bool {
    events.contains { event in
      switch event {
      case .changed(let watch, let name): self.names[watch]?.contains(name) ?? false
      case .ended(let watch): self.names[watch] != nil
      case .overflow: true
      }
    }
  }

  private static let mostLinks = 40  // as the kernel

  /// Each folder is watched before the look into it: what changes in between is told.
  private mutating func follow(_ path: String, _ inotify: borrowing Inotify) {
    var folder = path.hasPrefix("/") ? "/" : "."
    var rest = Self.parts(path)
    var links = 0
    while let name = rest.popLast() {
      let place = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
      if name != ".." {
        self.watch(name, in: folder, isLast: rest.isEmpty, inotify)
        if let target = File.linkTarget(place) {
          links += 1
          guard links <= Self.mostLinks else { return }
          if target.hasPrefix("/") { folder = "/" }
          rest += Self.parts(target)
          continue
        }
      }
      folder = place
    }
  }

  /// The names in a path, the last one first.
  private static func parts(_ path: String) -> [String] {
    path.split(separator: "/").filter { $0 != "." }.map(String.init).reversed()
  }

  private mutating func watch(
    _ name: String, in folder: String, isLast: Bool, _ inotify: borrowing Inotify
  ) {
    do throws(SystemError) {
      let watch = try inotify.watchNames(in: folder, files: isLast)
      self.names[watch, default: []].insert(name)
    } catch {
      // Not there: that it comes to be shows in the folder around it.
      guard error.errno != ENOENT, error.errno != ENOTDIR else { return }
      self.problem = self.problem ?? error
    }
  }
}

extension File {
  /// What a link leads to, see readlink(2); nil where there is none.
  package static func linkTarget(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: 4096)  // PATH_MAX
    let count = readlink(path, &bytes, bytes.count)
    guard count > 0 else { return nil }
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
