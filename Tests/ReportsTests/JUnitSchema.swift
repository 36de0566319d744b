/// The rules of Jenkins' junit-10.xsd (xunit plugin), written down anew: which elements and attributes a report may have,
/// and which it must. Popular examples break them with `properties` in a test case or `skipped` on `testsuites`.
enum JUnitSchema {
    static let text = """
        <?xml version="1.0" encoding="UTF-8"?>
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
          <xs:simpleType name="seconds">
            <xs:restriction base="xs:string"><xs:pattern value="[0-9]*([.][0-9]*)?"/></xs:restriction>
          </xs:simpleType>
          <xs:complexType name="outcome" mixed="true">
            <xs:attribute name="type" type="xs:string"/>
            <xs:attribute name="message" type="xs:string"/>
          </xs:complexType>
          <xs:complexType name="rerun" mixed="true">
            <xs:sequence>
              <xs:element name="stackTrace" type="xs:string" minOccurs="0"/>
              <xs:element name="system-out" type="xs:string" minOccurs="0"/>
              <xs:element name="system-err" type="xs:string" minOccurs="0"/>
            </xs:sequence>
            <xs:attribute name="type" type="xs:string" use="required"/>
            <xs:attribute name="message" type="xs:string"/>
          </xs:complexType>
          <xs:complexType name="properties">
            <xs:sequence>
              <xs:element name="property" minOccurs="0" maxOccurs="unbounded">
                <xs:complexType>
                  <xs:attribute name="name" type="xs:string" use="required"/>
                  <xs:attribute name="value" type="xs:string" use="required"/>
                </xs:complexType>
              </xs:element>
            </xs:sequence>
          </xs:complexType>
          <xs:complexType name="testcase">
            <xs:choice minOccurs="0" maxOccurs="unbounded">
              <xs:element name="skipped" type="outcome"/>
              <xs:element name="error" type="outcome"/>
              <xs:element name="failure" type="outcome"/>
              <xs:element name="rerunFailure" type="rerun"/>
              <xs:element name="rerunError" type="rerun"/>
              <xs:element name="flakyFailure" type="rerun"/>
              <xs:element name="flakyError" type="rerun"/>
              <xs:element name="system-out" type="xs:string"/>
              <xs:element name="system-err" type="xs:string"/>
            </xs:choice>
            <xs:attribute name="name" type="xs:string" use="required"/>
            <xs:attribute name="classname" type="xs:string"/>
            <xs:attribute name="group" type="xs:string"/>
            <xs:attribute name="time" type="seconds"/>
          </xs:complexType>
          <xs:complexType name="testsuite">
            <xs:choice minOccurs="0" maxOccurs="unbounded">
              <xs:element name="testsuite" type="testsuite"/>
              <xs:element name="properties" type="properties"/>
              <xs:element name="testcase" type="testcase"/>
              <xs:element name="system-out" type="xs:string"/>
              <xs:element name="system-err" type="xs:string"/>
            </xs:choice>
            <xs:attribute name="name" type="xs:string" use="required"/>
            <xs:attribute name="tests" type="xs:nonNegativeInteger" use="required"/>
            <xs:attribute name="failures" type="xs:nonNegativeInteger" use="required"/>
            <xs:attribute name="errors" type="xs:nonNegativeInteger" use="required"/>
            <xs:attribute name="skipped" type="xs:nonNegativeInteger"/>
            <xs:attribute name="time" type="seconds"/>
            <xs:attribute name="timestamp" type="xs:string"/>
            <xs:attribute name="hostname" type="xs:string"/>
            <xs:attribute name="group" type="xs:string"/>
            <xs:attribute name="id" type="xs:string"/>
            <xs:attribute name="package" type="xs:string"/>
            <xs:attribute name="file" type="xs:string"/>
            <xs:attribute name="log" type="xs:string"/>
            <xs:attribute name="url" type="xs:string"/>
          </xs:complexType>
          <xs:element name="testsuites">
            <xs:complexType>
              <xs:sequence><xs:element name="testsuite" type="testsuite" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
              <xs:attribute name="name" type="xs:string"/>
              <xs:attribute name="time" type="seconds"/>
              <xs:attribute name="tests" type="xs:nonNegativeInteger"/>
              <xs:attribute name="failures" type="xs:nonNegativeInteger"/>
              <xs:attribute name="errors" type="xs:nonNegativeInteger"/>
            </xs:complexType>
          </xs:element>
        </xs:schema>
        """
}
