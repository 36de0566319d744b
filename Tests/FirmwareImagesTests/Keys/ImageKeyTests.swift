import FirmwareImages
import LabCore
import Testing

@Suite("Keys of images")
struct ImageKeyTests {
    /// SHA-256 by OpenSSL over `openssl pkey -pubout -outform DER`, for RSA over `openssl rsa -RSAPublicKey_out -outform DER`: what MCUboot
    /// compares with the image's key hash.
    static let hashes: [(pem: String, name: String, hash: String)] = [
        (MCUbootVectors.rsa2048Key, "RSA-2048", "786f256667c0693d7eba1601cb645eb8781e9a870e98bd89e3e41984da645b34"),
        (MCUbootVectors.rsa3072Key, "RSA-3072", "c86ebae2a28fb154641957af7711ac83bf21d2f67bf35c671fd9092820307e1b"),
        (MCUbootVectors.p256Key, "ECDSA P-256", "071cd45c5ff76a7b981323e287a061f7171116963bef1dd1b9f63bec633f30f4"),
        (MCUbootVectors.p384Key, "ECDSA P-384", "3663e245bafc0d5435b37955d979ea266a9d78a9c42f7a72b1a3a0d50fe35175"),
        (MCUbootVectors.ed25519Key, "Ed25519", "2375d37d809600a023a2ed7549784c14a22313ff071c4e8a30258a52f1f3d850"),
    ]

    @Test("The encoded key hashes to what OpenSSL gives", arguments: hashes)
    func fingerprint(_ pem: String, _ name: String, _ hash: String) throws {
        let key = try ImageKey(pem: pem)
        #expect(key.name == name)
        #expect(Hexadecimal.text(key.fingerprint) == hash)
        #expect(try ImageKey(der: key.encoded) == key)
    }

    /// The same keys written by OpenSSL: `pkey` (PKCS#8), `ec` (SEC1), `rsa -traditional` (PKCS#1), with their public halves.
    static let privateKeys: [(name: String, pem: String, publicPEM: String)] = [
        (
            "P-256, PKCS#8",
            """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5Mib47AA7AZnakjL
            y3VFOoQ1HuNjhbiN+sF9h89L8BOhRANCAARMv+tqwjFGtKnJTYdVMcU7zKYK+mzd
            0CPnIS25EwxY+LbcFLeEW+sjkkFeusgiJyBWc8LumGBNlDduTadfaWdG
            -----END PRIVATE KEY-----
            """,
            """
            -----BEGIN PUBLIC KEY-----
            MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETL/rasIxRrSpyU2HVTHFO8ymCvps
            3dAj5yEtuRMMWPi23BS3hFvrI5JBXrrIIicgVnPC7phgTZQ3bk2nX2lnRg==
            -----END PUBLIC KEY-----
            """
        ),
        (
            "P-256, SEC1",
            """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIOTIm+OwAOwGZ2pIy8t1RTqENR7jY4W4jfrBfYfPS/AToAoGCCqGSM49
            AwEHoUQDQgAETL/rasIxRrSpyU2HVTHFO8ymCvps3dAj5yEtuRMMWPi23BS3hFvr
            I5JBXrrIIicgVnPC7phgTZQ3bk2nX2lnRg==
            -----END EC PRIVATE KEY-----
            """,
            """
            -----BEGIN PUBLIC KEY-----
            MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETL/rasIxRrSpyU2HVTHFO8ymCvps
            3dAj5yEtuRMMWPi23BS3hFvrI5JBXrrIIicgVnPC7phgTZQ3bk2nX2lnRg==
            -----END PUBLIC KEY-----
            """
        ),
        (
            "P-384, SEC1",
            """
            -----BEGIN EC PRIVATE KEY-----
            MIGkAgEBBDBJhH8tHilOkG8KUs+z2B/SeqAzxelSQYXW3JAXb+SkPznwBlfr5dqp
            KwcD2GHVjAugBwYFK4EEACKhZANiAATOcItLNOd/t9dERjW6/1rjspJKm/gy1Pzp
            AUVmZ56gXky2p7BirqMIJkvjwo3N9fgHPFetxvF6IJw0SS39DzVPcveUB02xc4bx
            1lJRt8RblfKptTNlAyI6uchIy0UJUS8=
            -----END EC PRIVATE KEY-----
            """,
            """
            -----BEGIN PUBLIC KEY-----
            MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEznCLSzTnf7fXREY1uv9a47KSSpv4MtT8
            6QFFZmeeoF5MtqewYq6jCCZL48KNzfX4BzxXrcbxeiCcNEkt/Q81T3L3lAdNsXOG
            8dZSUbfEW5XyqbUzZQMiOrnISMtFCVEv
            -----END PUBLIC KEY-----
            """
        ),
        (
            "Ed25519, PKCS#8",
            """
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VwBCIEIP3lQ7sQZldvLUeJ0fcyhWz19Yaj7IrR59Y0y+H2KS0n
            -----END PRIVATE KEY-----
            """,
            """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEA4or0bDAHRsoQurd8Z3xXIRy7dCt8DBlLSoNHJT91QWI=
            -----END PUBLIC KEY-----
            """
        ),
        (
            "RSA, PKCS#8",
            """
            -----BEGIN PRIVATE KEY-----
            MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQCaQY6wf54Rs4lN
            eE7Ymu5uaq0mp86+iW9AaS3nQyV3vQj5m9oBtzYVv0eLKlvXKv3mlcWpT3g+gNy0
            ECu7RRiC+Xn8AyWQWXklKMFmM9uY/qYePs57mE2ln3IezLMiRNuxaU/iUjmL4xGb
            sxeaWx0Ev6zaQObR6MgheMvz7KfvPdgUYaui/gYydS1uaJ2yJUwQzlvlTcM8LdZR
            Z/1zzmOgXT8PAQdQK3QJV+6R2O6c7meQLy3bbCuyB+4QXJ2y567VlfwbSLlMKmus
            QwP7HWVkISoUKFOaSNXzMeXtDg1gdLNGeaKxhEpFNFTM1toKcr9/dCuhbU4Vt37O
            r7Q9hNw5AgMBAAECggEABoQrc3BIrKXBcJja99J/rQFrpBzlom3q2bU3v7O58vd0
            2BqJ2JW1PrDwZEQbUhkaVbHRAkh9o2JNMHwYZNZT5UCFsyws2460C+pPVTJuneVv
            /goYLedurEbyirOKA7IV98YjnkNr8+lZNpMXtakQrkEsm6GvPoHPZn6UWw8NvxD0
            bCQaJpeerHX5q4/8cxzN/dTH9D1O+Jt4Ajhzm+v881kQ7I1i35XDbhfV15n+TrOB
            btqvFTfuc/fbXA0DuV+LK2mqLpgO2uuNUypLhz00yKWXP03qgLFel5x0ahBsNQpe
            +vD6pUXnA7bqBQLyr8HptBQAXAnfIwIdgei+r4+RewKBgQDTS9cfZnck1er/grtw
            SEzZC4P+wp2VO8DPGvprGWAniAhx+SURZsIXIF0BhZnftO3Tzs4Oxi/cy7WdjgRO
            D2a2dZPEh5Ly/n8yBqnlle9DzD0qURW+USnd/tNtUcyXvIpyZ2zRM85XbluhDqH2
            07S4Dj6utaXfy5jK3dJnI+fthwKBgQC65FNozYoLwEDuk3JduCSiTlDPbNLtsobF
            IEkP8AlFQ75r75g76dCmNHTaJM/fc6XCpmn1P/RxrWDZGBwiemBqzyvparlit2ph
            wh0ZoUNlniTUW4niw7NDIi7Y6TjVuAURRGZR9AUq9P94nbTwR3hPqUW41k4Mm3ge
            ap9ibp1YPwKBgQCKMzOcPRe2hxgyUN6qHQ/ucmK+EaqiPjfo/htGS42hrY7ghPWi
            wRQ3rhpG8YxoTl2zyLLr5OLPRooeaBIWwGoM8zBYPdh2iNDG9qbPHFcngAGNmQVg
            upNouNCu0u6/XDkthMoetwTCGNNjrz9uQqAUNnT3LqY0j2T7Y0TH4ytCJwKBgQCO
            1gKJjs16vaziqf42co5NHd3VKi7rTA6EinBMpf/v2B6pD60h3UmCPYUxVAErno+J
            fPZuYjrIxuHGCg82qqEWANBmzRJyyAueO2VSOVXxTDSJuIxhq4BORsnXLigp70Kw
            N76b1Aw/EJBP9vhay8S/3XdUFTYBnLDpTkQSTsgisQKBgQDJQN1v81nI3PQY1wkE
            kWrbCYqRf9Sf/ydzXy5zbBrhMfeiDWY3vxwipoQ6QeqHX/plfZTBytJ34FgDIIet
            gkIOTimYgIxtermYpVqex6tGb1O7uHy+0r2HzKDNeUpVxrkvsH/MRAZvFfRx2Hha
            iBd4FwKtPk/F9BAvz7AqGdM9NA==
            -----END PRIVATE KEY-----
            """,
            """
            -----BEGIN PUBLIC KEY-----
            MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmkGOsH+eEbOJTXhO2Jru
            bmqtJqfOvolvQGkt50Mld70I+ZvaAbc2Fb9Hiypb1yr95pXFqU94PoDctBAru0UY
            gvl5/AMlkFl5JSjBZjPbmP6mHj7Oe5hNpZ9yHsyzIkTbsWlP4lI5i+MRm7MXmlsd
            BL+s2kDm0ejIIXjL8+yn7z3YFGGrov4GMnUtbmidsiVMEM5b5U3DPC3WUWf9c85j
            oF0/DwEHUCt0CVfukdjunO5nkC8t22wrsgfuEFydsueu1ZX8G0i5TCprrEMD+x1l
            ZCEqFChTmkjV8zHl7Q4NYHSzRnmisYRKRTRUzNbaCnK/f3QroW1OFbd+zq+0PYTc
            OQIDAQAB
            -----END PUBLIC KEY-----
            """
        ),
        (
            "RSA, PKCS#1",
            """
            -----BEGIN RSA PRIVATE KEY-----
            MIIEpQIBAAKCAQEAmkGOsH+eEbOJTXhO2JrubmqtJqfOvolvQGkt50Mld70I+Zva
            Abc2Fb9Hiypb1yr95pXFqU94PoDctBAru0UYgvl5/AMlkFl5JSjBZjPbmP6mHj7O
            e5hNpZ9yHsyzIkTbsWlP4lI5i+MRm7MXmlsdBL+s2kDm0ejIIXjL8+yn7z3YFGGr
            ov4GMnUtbmidsiVMEM5b5U3DPC3WUWf9c85joF0/DwEHUCt0CVfukdjunO5nkC8t
            22wrsgfuEFydsueu1ZX8G0i5TCprrEMD+x1lZCEqFChTmkjV8zHl7Q4NYHSzRnmi
            sYRKRTRUzNbaCnK/f3QroW1OFbd+zq+0PYTcOQIDAQABAoIBAAaEK3NwSKylwXCY
            2vfSf60Ba6Qc5aJt6tm1N7+zufL3dNgaidiVtT6w8GREG1IZGlWx0QJIfaNiTTB8
            GGTWU+VAhbMsLNuOtAvqT1Uybp3lb/4KGC3nbqxG8oqzigOyFffGI55Da/PpWTaT
            F7WpEK5BLJuhrz6Bz2Z+lFsPDb8Q9GwkGiaXnqx1+auP/HMczf3Ux/Q9TvibeAI4
            c5vr/PNZEOyNYt+Vw24X1deZ/k6zgW7arxU37nP321wNA7lfiytpqi6YDtrrjVMq
            S4c9NMillz9N6oCxXpecdGoQbDUKXvrw+qVF5wO26gUC8q/B6bQUAFwJ3yMCHYHo
            vq+PkXsCgYEA00vXH2Z3JNXq/4K7cEhM2QuD/sKdlTvAzxr6axlgJ4gIcfklEWbC
            FyBdAYWZ37Tt087ODsYv3Mu1nY4ETg9mtnWTxIeS8v5/Mgap5ZXvQ8w9KlEVvlEp
            3f7TbVHMl7yKcmds0TPOV25boQ6h9tO0uA4+rrWl38uYyt3SZyPn7YcCgYEAuuRT
            aM2KC8BA7pNyXbgkok5Qz2zS7bKGxSBJD/AJRUO+a++YO+nQpjR02iTP33OlwqZp
            9T/0ca1g2RgcInpgas8r6Wq5YrdqYcIdGaFDZZ4k1FuJ4sOzQyIu2Ok41bgFEURm
            UfQFKvT/eJ208Ed4T6lFuNZODJt4HmqfYm6dWD8CgYEAijMznD0XtocYMlDeqh0P
            7nJivhGqoj436P4bRkuNoa2O4IT1osEUN64aRvGMaE5ds8iy6+Tiz0aKHmgSFsBq
            DPMwWD3YdojQxvamzxxXJ4ABjZkFYLqTaLjQrtLuv1w5LYTKHrcEwhjTY68/bkKg
            FDZ09y6mNI9k+2NEx+MrQicCgYEAjtYCiY7Ner2s4qn+NnKOTR3d1Sou60wOhIpw
            TKX/79geqQ+tId1Jgj2FMVQBK56PiXz2bmI6yMbhxgoPNqqhFgDQZs0ScsgLnjtl
            UjlV8Uw0ibiMYauATkbJ1y4oKe9CsDe+m9QMPxCQT/b4WsvEv913VBU2AZyw6U5E
            Ek7IIrECgYEAyUDdb/NZyNz0GNcJBJFq2wmKkX/Un/8nc18uc2wa4TH3og1mN78c
            IqaEOkHqh1/6ZX2UwcrSd+BYAyCHrYJCDk4pmICMbXq5mKVanserRm9Tu7h8vtK9
            h8ygzXlKVca5L7B/zEQGbxX0cdh4WogXeBcCrT5PxfQQL8+wKhnTPTQ=
            -----END RSA PRIVATE KEY-----
            """,
            """
            -----BEGIN PUBLIC KEY-----
            MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmkGOsH+eEbOJTXhO2Jru
            bmqtJqfOvolvQGkt50Mld70I+ZvaAbc2Fb9Hiypb1yr95pXFqU94PoDctBAru0UY
            gvl5/AMlkFl5JSjBZjPbmP6mHj7Oe5hNpZ9yHsyzIkTbsWlP4lI5i+MRm7MXmlsd
            BL+s2kDm0ejIIXjL8+yn7z3YFGGrov4GMnUtbmidsiVMEM5b5U3DPC3WUWf9c85j
            oF0/DwEHUCt0CVfukdjunO5nkC8t22wrsgfuEFydsueu1ZX8G0i5TCprrEMD+x1l
            ZCEqFChTmkjV8zHl7Q4NYHSzRnmisYRKRTRUzNbaCnK/f3QroW1OFbd+zq+0PYTc
            OQIDAQAB
            -----END PUBLIC KEY-----
            """
        ),
    ]

    @Test("Of a private key in any of its forms, the public half is taken", arguments: privateKeys)
    func privateKey(_ name: String, _ pem: String, _ publicPEM: String) throws {
        #expect(try ImageKey(pem: pem) == ImageKey(pem: publicPEM))
    }

    @Test("Several keys in a file, with text and certificates between them")
    func several() throws {
        let text =
            "my keys\n" + MCUbootVectors.p256Key + "\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
            + MCUbootVectors.ed25519Key
        #expect(try ImageKey.keys(pem: text).map(\.name) == ["ECDSA P-256", "Ed25519"])
        #expect(try ImageKey.keys(pem: text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")).count == 2)
        #expect(PEM.blocks(text).map(\.label) == ["PUBLIC KEY", "CERTIFICATE", "PUBLIC KEY"])
    }

    @Test("What is no key is refused, with the reason")
    func refused() {
        func reason(_ pem: String) -> ImageKeyError? {
            do throws(ImageKeyError) { _ = try ImageKey(pem: pem); return nil } catch { return error }
        }
        #expect(reason("") == .noKey)
        #expect(reason("-----BEGIN PUBLIC KEY-----\nMCow") == .noKey)
        #expect(reason("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----") == .unknownKind)
        #expect(reason("-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----") == .noKey)
        #expect(reason("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMCow\n-----END ENCRYPTED PRIVATE KEY-----") == .encrypted)
        #expect(reason("-----BEGIN OPENSSH PRIVATE KEY-----\nMCow\n-----END OPENSSH PRIVATE KEY-----") == .unknownKind)
    }
}
