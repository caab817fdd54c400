/// Everything in a certificate folder, the authority first; it needs no private key. What is in
/// `issued/`, not expired and no longer a file of its own, is told too: it still opens doors.
package func summaries(
  folder location: String, clock: PKIClock = .system
) throws(PKIError) -> [CertificateSummary] {
  let folder = try CertificateFolder(opening: location)
  let authorities = try Certificate.all(inFile: FileName.authority, of: folder)
  let judge = Judge(
    authorities: authorities,
    revocations: try RevocationList.all(in: folder, signedBy: authorities), now: clock.now())
  var all = authorities.map {
    judge.summary(of: $0, name: "ca", path: folder.path(FileName.authority))
  }
  for file in try folder.names(endingIn: ".crt") where file != FileName.authority {
    all.append(judge.summary(ofFile: file, in: folder))
  }
  let serials = Set(all.map(\.serial))
  for authority in authorities {
    for certificate in try Ledger.certificates(of: authority, in: folder)
    where !serials.contains(certificate.serial) && certificate.notAfter >= judge.now {
      let path = folder.path(Ledger.fileName(certificate))
      all.append(judge.summary(of: certificate, name: certificate.commonName, path: path))
    }
  }
  return all
}

extension Judge {
  func summary(ofFile file: String, in folder: borrowing CertificateFolder) -> CertificateSummary {
    let name = String(file.dropLast(".crt".count))
    let path = folder.path(file)
    do throws(PKIError) {
      let certificate = try Certificate(file: file, in: folder)
      return self.summary(of: certificate, name: name, path: path)
    } catch {
      return self.unreadable(name: name, path: path, error)
    }
  }
}
