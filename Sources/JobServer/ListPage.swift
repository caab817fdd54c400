import GRPCCore
import JobAPI
import JobEngine
import SwiftProtobuf

/// One answer to ListJobs, bounded so that it always fits into a message.
struct ListPage {
  /// Of jobs.
  static let maximumCount = 500
  /// Of all but the first job, which is bounded by what a spec may take.
  static let maximumBytes = 1 << 20

  private(set) var response = Worker_V1_ListJobsResponse()
  private let begin: PageToken?
  private let count: Int
  private var bytes = 0
  private var last: PageToken?

  init(_ request: Worker_V1_ListJobsRequest) throws(RPCError) {
    guard request.pageSize >= 0 else {
      throw RPCError(
        code: .invalidArgument,
        message: "page_size must not be negative, got \(request.pageSize)")
    }
    let wanted = Int(request.pageSize)
    self.count = wanted == 0 ? Self.maximumCount : min(wanted, Self.maximumCount)
    self.begin = request.pageToken.isEmpty ? nil : try PageToken(request.pageToken)
  }

  func begins(before job: JobSummary) -> Bool {
    guard let begin else { return true }
    return begin < PageToken(job)
  }

  /// False when it is full: then the job is the next page's first.
  mutating func add(_ message: Worker_V1_Job, for job: JobSummary) -> Bool {
    let size = (try? message.serializedBytes() as [UInt8])?.count ?? Self.maximumBytes
    let fits = self.response.jobs.count < self.count && self.bytes + size <= Self.maximumBytes
    if let last, !fits {
      self.response.nextPageToken = last.description
      return false
    }
    self.bytes += size
    self.response.jobs.append(message)
    self.last = PageToken(job)
    return true
  }
}

/// A job's place in the list, oldest first. It stays one when jobs come and go, the job included.
struct PageToken: Hashable, Comparable, CustomStringConvertible {
  private let createTime: Int64
  private let id: JobID

  init(_ job: JobSummary) {
    self.createTime = job.createTime
    self.id = job.id
  }

  init(_ text: String) throws(RPCError) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let createTime = Int64(parts[0]), let id = JobID(String(parts[1]))
    else {
      throw RPCError(
        code: .invalidArgument,
        message: "page_token '\(text)' is malformed: give a next_page_token that was sent")
    }
    self.createTime = createTime
    self.id = id
  }

  var description: String { "\(self.createTime).\(self.id)" }

  static func < (left: PageToken, right: PageToken) -> Bool {
    (left.createTime, left.id) < (right.createTime, right.id)
  }
}

/// Which jobs a list is of. Built once a request: a list of a million states is not gone through for each job.
struct JobFilter {
  private let states: Set<Worker_V1_JobState>
  private let labels: [String: String]

  init(_ request: Worker_V1_ListJobsRequest) {
    self.states = Set(request.states)
    self.labels = request.labels
  }

  func selects(_ job: JobSummary) -> Bool {
    (self.states.isEmpty || self.states.contains(Worker_V1_JobState(job.state)))
      && self.labels.allSatisfy { job.labels[$0.key] == $0.value }
  }
}
