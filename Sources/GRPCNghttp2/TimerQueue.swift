/// When something is to happen: a binary heap of deadlines, and what to do, by number.
///
/// Cancelling only forgets the action; the heap is rebuilt when most of it is forgotten, so that
/// many short calls with long deadlines cost no memory.
struct TimerQueue {
  struct Token: Hashable { fileprivate let number: UInt64 }

  private struct Entry {
    let deadline: Int64
    let number: UInt64
  }

  private var heap: [Entry] = []
  private var actions: [UInt64: () -> Void] = [:]
  private var nextNumber: UInt64 = 0

  var count: Int { self.actions.count }
  var heapCount: Int { self.heap.count }

  /// The earliest deadline that still matters.
  mutating func nextDeadline() -> Int64? {
    while let first = self.heap.first {
      if self.actions[first.number] != nil { return first.deadline }
      self.removeFirst()
    }
    return nil
  }

  mutating func add(deadline: Int64, _ action: @escaping () -> Void) -> Token {
    self.nextNumber += 1
    self.actions[self.nextNumber] = action
    self.heap.append(Entry(deadline: deadline, number: self.nextNumber))
    self.siftUp(self.heap.count - 1)
    return Token(number: self.nextNumber)
  }

  /// What is not done now is the caller's to drop.
  @discardableResult
  mutating func cancel(_ token: Token) -> (() -> Void)? {
    let action = self.actions.removeValue(forKey: token.number)
    guard self.heap.count > 64, self.heap.count > 4 * self.actions.count else { return action }
    let living = self.heap.filter { self.actions[$0.number] != nil }
    self.heap = living.sorted { $0.deadline < $1.deadline }  // a sorted array is a heap
    return action
  }

  /// Takes out one action whose time has come.
  mutating func popDue(now: Int64) -> (() -> Void)? {
    guard let deadline = self.nextDeadline(), deadline <= now, let first = self.heap.first else {
      return nil
    }
    self.removeFirst()
    return self.actions.removeValue(forKey: first.number)
  }

  private mutating func removeFirst() {
    self.heap.swapAt(0, self.heap.count - 1)
    self.heap.removeLast()
    self.siftDown()
  }

  private mutating func siftUp(_ start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard self.heap[child].deadline < self.heap[parent].deadline else { return }
      self.heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func siftDown() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < self.heap.count {
        if self.heap[child].deadline < self.heap[least].deadline { least = child }
      }
      guard least != parent else { return }
      self.heap.swapAt(parent, least)
      parent = least
    }
  }
}
