package import LabCore

/// How a value of the matrix or a loop is named in a line: a record by its `id`, or by its first field, as its other fields follow from it.
package enum CellText {
    package static func of(_ value: FieldValue) -> String {
        if case .record(let fields) = value, let first = fields.first { return fields["id"]?.text ?? of(first.value) }
        return value.description
    }

    /// `loss=20% port=1`; `–` without a matrix.
    package static func of(cell: Fields) -> String {
        cell.isEmpty ? "–" : cell.map { "\($0.name)=\(of($0.value))" }.joined(separator: " ")
    }
}
