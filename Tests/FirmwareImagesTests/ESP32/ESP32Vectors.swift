import FirmwareImages
import Foundation

/// Images that esptool 5.6.0 made for an ESP32-S3 (`elf2image`, one segment with an application descriptor of version v2.4.1 and secure
/// version 3, one of 32 bytes), and signatures that espsecure made of them.
enum ESP32Vectors {
    static let image = bytes(
        """
        6QIAAACAN0DuAAAACQAAAQBjAAAAAAABIAAAPAABAAAyVM2rAwAAAAAAAAAAAAAAdjIuNC4xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABsdW5hLWJhZGdl
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAADEyOjAwOjAwAAAAAAAAAABKYW4gIDEgMjAyNgAAAAAAdjUuNS4xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACvEyFU
        oLP1vtqt32mi3gLBcnDJUalsKX3MdOcFo+BUOAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAAAAAAAAAAAAAAAAIA3QCAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwAAAAAAAAB0/6QoKzRqNew2IuWQDxxII6Y1DBwWLucL
        M5s4D7wZOAI=
        """)
    /// `--dont-append-digest`.
    static let withoutHash = bytes(
        """
        6QIAAACAN0DuAAAACQAAAAD//wAAAAAAIAAAPAABAAAyVM2rAwAAAAAAAAAAAAAAdjIuNC4xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABsdW5hLWJhZGdl
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAADEyOjAwOjAwAAAAAAAAAABKYW4gIDEgMjAyNgAAAAAAdjUuNS4xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACvEyFU
        oLP1vtqt32mi3gLBcnDJUalsKX3MdOcFo+BUOAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAAAAAAAAAAAAAAAAIA3QCAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwAAAAAAAAB0
        """)
    /// The block that espsecure made with the RSA key.
    private static let rsaBlock = block(
        """
        5wIAAL6XDMBZGs5Fh0CzE86HogR1MpgnDnE+QvmVIPdN98YVUVE2D/0/z9WiNqfYzuasSzIuhmf2bzjrPnXcAHW8ltlI9wfzQvxojFGGMewgu0Chsvhmfe6k
        WPCAQB2knDuFLEYrySjPv/ZudRjEtzzI/gZy+79WPttbbMQSZP+zk42VYZNY35USWKKBtEbmm6+kon4jNAmdcW3KDZwabbNBfenOaygwxfAzDpewzjVb/cvH
        66aW7TvJes433HNM5GCY6gJbQyBV1T6k0ECSk2uR+eX1oGhEl/nG5XE+qnO/U01JJjBSCXLTiSS6E6ktz5hyNcm0HbIwM/QhEphB3DI97cpE0XkC0l9nV0Wq
        caD33FJQXPXcurhwHryZ3qHOBGGf1q47k3ljmUYYwzBW3C2NCgLj8j8A86y6FvhEaX3npoUPoo7P4HMl4aaHPt7w9tlsAT5i0LlFxy7l5aZNoU8Nvl9v6wVj
        ZpCBb6CGM7Q/VvzKZk/E5PyoM4+fuVv4TFucQEw46VTjzG2Veu8kywLUfQmlobuu8Uf9gmUT9i0VCWfQAQABAJHnc1fhpcc5aoFniiCAMOkQmPCh/BCkO8Yx
        v0FRwVP4LdfXa4XeZqDefvbLJpDPrk4c4tY6f1TpeeNVHHav+kp0ewUneh574QiOdFj+ywILX55vSeuNoMgo74w82fIsAhyfj1UNzV4XRaLHa+YBoK07ermw
        8pCvJ/T4p77Z3eeZTJSNc5+Iwp59J4dDsU+P10+qN6mbRiEjA6jglKOQLWirjg+CGyHBvPL+I3+7YKYMtLKMY3bZQu6hsqS1+JYkk9ZDTvuak16Drvi47pPP
        mq1QIU3Fkc+pdiVwgp3Xyh/4FHfgdTRhoOgOU4em1eWiFDzZlV4zUbriQS5BmsYFsEMl0SCB58sdZc87CNHT5p/gDUl0bkHcaHLTtt2Y9yAucAibGVvR5pHO
        1XwAWjxfMd66FOpNx0NFTo7vrM6qKfc7Zne6d09I3xY3Eu7rPGrFlYbHH9F5y0vIZjQ1hvZa82k+/MSoxOFRZUvNLm1XO9fQFJ9ghfUCKzceG3hRElMwf09o
        9PzMfmk9oCwDUdyamQn1UmmvMLiLsrPMEnHCemF1cG+pGfA2x+ErL7pGwkNV0AZsZ78kinItZ/DCnEAWD9RN7MLSBDMpwKPPV2wvAI08hH1qqosB6jBaBu4r
        sLTGo65rOvMxajPf7TUda7CYDWNdzm2QKGUb9iEYPswoYBsY3SVV2z49ptLeDV9o9kq3M1PXk1tmSSjJcOl9ptfAHe40vKtVSScl1ka8lWmrj5sowGvNOjUD
        2/dRc6edtytJfLiBsg0mylAVrwuNA0zavjjYibad5B5rL9DXxX580SVy6qk77NkbT5COiFV9jVrC3DiZnbMEBg+8WJbtszWu/0MrCpzU0A7kgXDSH0AYrX5l
        RbcU1CGsiY/VwLR9GVq29r1D6Ru0lRjY4VV//Lh3YnmjpP9GojlL+q+gFql978+U8JlvB9H+usSrwNCef6EAagGWH0xzI2Fo+xRUiRFITZc8XldKDZbFpJWq
        JXdl0lH4HVycbkWbKY3tBDhbHt69ewMLubs=
        """, crc: 0x07dd73e6)
    static let rsa = signed(
        rsaBlock)
    static let rsaKey = """
        -----BEGIN PUBLIC KEY-----
        MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEA0GcJFS32E2WC/Ufxrruh
        pQl91ALLJO96lW3M41TpOExAnFtM+Fu5n48zqPzkxE9myvxWP7QzhqBvgZBmYwXr
        b1++DU+hTabl5S7HRbnQYj4BbNn28N4+h6bhJXPgz46iD4Wm531pRPgWuqzzAD/y
        4wIKjS3cVjDDGEaZY3mTO67Wn2EEzqHembwecLi63PVcUFLc96BxqkVXZ1/SAnnR
        RMrtPTLcQZgSIfQzMLIdtMk1cpjPLakTuiSJ03IJUjAmSU1Tv3OqPnHlxvmXRGig
        9eX5kWuTkkDQpD7VVSBDWwLqmGDkTHPcN856yTvtlqbrx8v9WzXOsJcOM/DFMChr
        zul9QbNtGpwNym1xnQk0I36ipK+b5ka0gaJYEpXfWJNhlY2Ts/9kEsRsW9s+Vr/7
        cgb+yDy3xBh1bva/zyjJK0YshTucpB1AgPBYpO59ZviyoUC7IOwxhlGMaPxC8wf3
        SNmWvHUA3HU+6zhv9meGLjJLrObO2Kc2otXPP/0PNlFRAgMBAAE=
        -----END PUBLIC KEY-----
        """
    static let rsaOtherKey = """
        -----BEGIN PUBLIC KEY-----
        MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEAqm1KFNwaqCPi7XgloCfD
        ErLKSXkiX6gdHUalfKLm+RwKpH8opRegQwzGytJ83unl3bmhqGeVfg9wRRB3tOKQ
        CSAZ4PHBlISLki5KhBY7NqhrYN33EH0ha72J7RIN2SMPKNGglPfZh0bqMm+PrA7L
        eU949dIQhcpe/KeLxGLEPLN+jAlYMeukanQul/7pZRNT/OG0NN2vVI7udaRi16bj
        0NxCVIxqXmUvHVuYov5B8XNugCL19DMvucfV+4ubZl6YJ7hYZ8CUnGu8V+VEX90H
        G6i9oTB0ETkjq6K9AUtMPmQJ2yT6KiGKsflOOrWnyzhBNJbhNJMNsN9bLmpBVB0P
        dSlEJCd144mMV/28lKoiVh2VZTuE7+1plRMTxho6oyx2J0tDaNkHQa+ZLis5kpzc
        VfcFT4CN+XmHZlLxf3fNtksZDUcDsw+eLiee/b1ianztA1iAPKWaeqMmDhjp5R7w
        LfX6s0tWpbHlEKh4gt0Ti+X6vSJbouEIR+pHzTIpepb7AgMBAAE=
        -----END PUBLIC KEY-----
        """
    /// Signed by the other key, too.
    static let twice = signed(
        rsaBlock
            + block(
                """
                5wIAAL6XDMBZGs5Fh0CzE86HogR1MpgnDnE+QvmVIPdN98YV+5Z6KTLNR+pHCOGiWyK9+uWLE92CeKgQ5bGlVkuz+vUt8B7l6RgOJqN6mqU8gFgD7XxqYr39
                nicung+zA0cNGUu2zXd/8VJmh3n5jYBPBfdV3JySOSsuma9BB9loQ0sndiyjOhrGExOVae3vhDtllR1WIqqUvP1XjInjdSckRCl1Dx1UQWouW9+wDZM04ZY0
                QTjLp7U6TvmxiiEq+iTbCWQ+TEsBvaKrIzkRdDChvagbB91fROVXvGuclMBnWLgnmF5mm4v71ce5LzP09SKAbnPxQf6imFsdL2VeaoxUQtzQ46bXYqR17o5U
                r900tOH8UxNl6f6XLnRqpOsxWAmMfrM8xGLEi6f8XsqFENL1eE95yw6sj28y6kaH2feUoNEoDyPZDRLtib1rIX0Q991ga6g2OxaESi6Si4SUwfHgGSAJkOK0
                dxBFcA9+lWeoobnd5enefNLKxgxDoBelKH+kChz55qJ8pUYdHahfInlJyrISwyegJXjt4iOoGtwUSm2qAQABAGWP1rvhevg2wJMJjPdteDn2By/2kXoSyfhr
                ESmV0SvDIdWcGKxdGY5bdaDM+mIxzjHd2c4Z9Y8A7U0mE0q9orJ08bCtv2Z9JBbXybF2LtCiJD0s2fa9JcBOY3ZLZdFxxWfwn853JWGRzB2Qm9DBq/Qc9W/s
                obTJI8vrUpJGETP2D/9G0LlalACLhNEODqthX+YMvrGu9Ooq0AcACrbOwyRk9/AfnaXGn/0G9iyI10IYlF+WI0lTwFP2r6rJdZmhND6surTd1Gio92B6zPIv
                U8qTJ2YgORQ1IdeLFM0Qq51G2xJEMdNkXNv0WzhgoqAsBlVangwg0QF7+Plpv/ooPuAfMPHyeQYiicXexyZ2zvmDwuf0JU53u5orlG2uTkXqj45QrFzVgp20
                yF0B66lN3I0oHEieWYMhdbmTfdgnrzStRzq+yvnrvi5GepF4cGKQuOvmQIBfqI7p/L5oFOvmsNpYcF4Nxnb77sk1yjwGMXtDUc4rwn4zsZrVlYhclGSFj837
                1z5xIgx+dLaZIvpvAuuGQf2AxrfOfz6KkkHobSELYD4MzDyRunba4YKYrTWzRP4ZnFo7hsA75bn8H3WpXEGVM5X2JJTiQStqQ4npO2Ewk1YRl5k98Td2xovR
                kOA6rraNdXawz+og0/VC4G3GH1yqgwADQD7NF6io0AZky9TiTD8t6AY+gHqg3OitpSAunCSqAyzpvAhq00RjWEQ53NKKnuEp/g2AcSj5iguvH/QG0DJMZvRI
                iSCE9FBIjjcLMZAP6NzVkY+gW90E71bg26LhQQpKUqVG5jP7bBiCgBXtuNrFywhcn+pQIiOUfM5CQnB9idd3H6MsWT/PWioNAppVrcV4JDlOc6tuC/m85xql
                8/P+cB5Ax6KskR0yMOqrjwtf+csHhnLUcNMCgqIcDgdTh1LTRtOLBHoSipF1Ya+7vIPOSHsha4Jep6GArUkbznnTKDSYriQK19cEk5gXuRsZ9DUCHFZ43wyl
                8P6juIsGPmG3NFhnsbDiK/aFSHVa2BKfDUk=
                """, crc: 0x0e05a1ce))
    static let p192 = signed(
        block(
            """
            5wMAAL6XDMBZGs5Fh0CzE86HogR1MpgnDnE+QvmVIPdN98YVASsfoh9jiLMCV9R1xp2DjgWt5XawWkQoWkmcqB9i8r5hWAODhbucuXCfPArKP8uXQgAAAAAA
            AAAAAAAAAAAAAAD6pb4f9mhMLrBi7lmImJUdgdPRhu65pfVKm9H+RU+bnH2IKdBbaOHs7ms4KleIv6A=
            """, crc: 0x1c1abca3))
    static let p192Key = """
        -----BEGIN PUBLIC KEY-----
        MEkwEwYHKoZIzj0CAQYIKoZIzj0DAQEDMgAEWihEWrB25a0FjoOdxnXUVwKziGMf
        oh8rQpfLP8oKPJ9wuZy7hYMDWGG+8mIfqJxJ
        -----END PUBLIC KEY-----
        """
    static let p256 = signed(
        block(
            """
            5wMAAL6XDMBZGs5Fh0CzE86HogR1MpgnDnE+QvmVIPdN98YVAgMMFIv+WVk1yfLW5AZXtc+4lfH4yruUEKh7fBTkpcFPNRh4RsPvZ+42daXdSM3EFOAI7le/
            ZHAjESgnUaBhBtTg0b+SnUHQ+QIfkagsuKijngkbAlOxuZANL242Fv8soz1IyFuigWxLsk4VAgsywvaWeJErlJQAyAlxq6Sdjzuo
            """, crc: 0xbbfe94cc))
    static let p256Key = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAET8Gl5BR8e6gQlLvK+PGVuM+1Vwbk
        1vLJNVlZ/osUDAPUBmGgUScoESNwZL9X7gjgFMTNSN2ldTbuZ+/DRngYNQ==
        -----END PUBLIC KEY-----
        """
    static let p256OtherKey = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENIwZsgBJsQicm2V+wX7hu2CcoZRu
        CvtCuPip1O4IJTGB+nvBqwhtrTsZpe12Zp+dkenayy5K2xScgsL3rBpv+w==
        -----END PUBLIC KEY-----
        """
    static let p384 = signed(
        block(
            """
            5wMBADHMFSA1fl2RggNsVNvBqgGrU109Doap24r0mMvdBxErNWMp9SMXQzE0iIcL1P5KHwO/ZV/yOprYF/eeLmyZt0WfJB4gfxc8UGYenDT2C5JwMefrFSmV
            x/f8g0zDCTkSDxtfawDxM6tfykxMv0cpS9e72no9gUkoyM+ga4wWkYqC0xpaiinF2MbeuvDvD2ZtwdUZ+dsysRLprBaAZQeQ4rH4FSV9ZLrakEkJFh3/DUo+
            UDp7pNnnFXQdi70yAmEIdQx+UXymKu9xmAkJR7/vHP0M7cy4JrGDRIYyVdnO+fKUBeM26pG1IVHy8XUaS9T8RPI=
            """, crc: 0xb8f8fde5))
    static let p384Key = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEGw8SOQnDTIP898eVKRXr5zFwkgv2NJwe
        ZlA8F38gHiSfRbeZbC6e9xfYmjryX2W/1cFtZg/v8LrextjFKYpaGtOCipEWjGug
        z8goSYE9etq710spR79MTMpfqzPxAGtf
        -----END PUBLIC KEY-----
        """
    /// Secure boot of the first chips: 68 bytes behind the image.
    static let old =
        image
        + bytes(
            """
            AAAAAOli2rs7OZquiR2/4pfkV9GQVH5qEFQwRcjoEFrSr5iKF0SZa1RUSpb7B9FziHhMzGmmWfhH3kJMjmMKfq5WA0o=
            """)
    static let oldKey = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBwkUIQG6gG07XqmbblAAy4jgvY6o
        0EXuW4ODEV73o05ILiCDEjxB4UQXUkMreymMQaktKJGn3fzo7Vgh7FCIoQ==
        -----END PUBLIC KEY-----
        """

    private static func bytes(_ base64: String) -> [UInt8] {
        Array(Data(base64Encoded: base64, options: .ignoreUnknownCharacters) ?? Data())
    }

    /// A signature block of 1,216 bytes; zeros are left out of the text.
    private static func block(_ base64: String, crc: UInt32) -> [UInt8] {
        let head = bytes(base64)
        let crcBytes = [crc, crc >> 8, crc >> 16, crc >> 24].map { UInt8(truncatingIfNeeded: $0) }
        return head + Array(repeating: 0, count: 1_196 - head.count) + crcBytes + Array(repeating: 0, count: 16)
    }

    /// The image padded to a sector, and the sector with the blocks.
    private static func signed(_ blocks: [UInt8]) -> [UInt8] {
        image + Array(repeating: 0xff, count: 4_096 - image.count) + blocks + Array(repeating: 0xff, count: 4_096 - blocks.count)
    }
}
