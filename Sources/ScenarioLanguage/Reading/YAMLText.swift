package import LabCore

/// YAML that is none of the lab's own: read with the same care, so that examples in pages can be checked.
package enum YAMLText {
    package static func read(_ content: [UInt8], file: String) -> (value: SourceValue?, diagnostics: [Diagnostic]) {
        let log = DiagnosticLog()
        let value = YAMLComposer.compose(content, file: file, log: log)
        return (value, log.sorted())
    }
}
