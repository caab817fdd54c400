/// Rows with aligned columns below a head.
struct Table {
  private let head: [String]
  private let rows: [[String]]

  init(_ head: [String], _ rows: [[String]]) {
    self.head = head
    self.rows = rows
  }

  func text(bold: Bool) -> String {
    let widths = self.head.indices.map { column in
      ([self.head] + self.rows).map { $0[column].count }.max() ?? 0
    }
    let head = self.line(self.head, widths)
    let lines =
      [bold ? "\u{1b}[1m\(head)\u{1b}[0m" : head] + self.rows.map { self.line($0, widths) }
    return lines.map { $0 + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    zip(cells, widths).enumerated().map { index, pair in
      let (cell, width) = pair
      // The last column is not filled up: nothing comes behind it.
      return index == cells.count - 1
        ? cell : cell + String(repeating: " ", count: width - cell.count)
    }.joined(separator: "  ")
  }
}
