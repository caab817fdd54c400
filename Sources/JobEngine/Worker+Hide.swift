import Linux

extension Worker {
  /// Adds absolute paths, without links in them, to what jobs do not see from their start on: where
  /// something secret has come to lie elsewhere. See `WorkerConfiguration.hiddenPaths`.
  public func hide(_ paths: [String]) {
    self.hidden.withLock { hidden in
      for path in paths where !MountPlan.contains(hidden, path) { hidden.append(path) }
    }
  }
}
