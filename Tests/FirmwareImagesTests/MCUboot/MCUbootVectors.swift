import FirmwareImages
import Foundation

/// Images that imgtool 2.5.0 made of the body 00 01 … 2f, with a header of 0x20 and version 1.2.3+4, and the keys for them.
/// `imgtool sign -H 0x20 --pad-header -S 0x1000 --align 8 -M 4 -v 1.2.3+4 -k KEY …`
enum MCUbootVectors {
    static let rsa2048 = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HaVABEAAgAIEk
        +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0AQAgAHhvJWZnwGk9froWActkXrh4HpqHDpi9iePkGYTaZFs0IAAAAXNLYjCsenDRe2RVX7UKidreLwoO
        XfpRFoOhRX545D7uJjuXppKLcP2Ywh52uCzX1aaofGj8PPdNCfNV/0jPiMyMyfdz3dl9J/geDZd+RoJeqvRMYpKZZcj2UukzBcvBPM3F1USNtik+gUZwzhIq
        fvJYz0HWIlnBKb29eD+Gdm2DwvLSVv/wjETFicuOiyOXle/wMqFjcaZYnwF5djAJnWD5hQN6pVHkzBLO6g1zc1TkHVTFqIWT8ziXFhj3Jg0/fACdIedQ+Ku6
        8mAimQ6ilZudvDSDqoRL2TcZ1A9h8xEOv1qFLVG8jO49UuGIA/QMlc9uORaZHeASXKKzMhHF72A=
        """)
    static let rsa3072 = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HadABEAAgAIEk
        +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0AQAgAMhuuuKij7FUZBlXr3cRrIO/IdL2e/NcZx/ZCSggMH4bIwCAASqiLSQqhrCcJplR7EKA1wDKAIuQ
        TTtfL/653eL2Keal4xbu7xbQ/D0bwMIZxHHqk7wH4rv2RcXpLMlQJMkCjtQQseg02I7t4ID/FIABixAOzVFczVk9RAu/E/V0GsENcYFI0hZJKzTSEefOtn/S
        PE5s6Umk3iA3SOeRtE5v+q/w627Uq6oD7f/FTNGKUndq4GQlEzezjGMk6c3behfTPLWwWoqf0E+OLQmDqCQEV8SEgCvtMmPXtTmSrqwTgW0aETBem1zp2iv/
        2ynq6Yqdkn/nuYcHtfttwzRPYNX4+Fp95FJnrhxtux+SxTZ5rQFoNlULJw7fGMjtnAXDWaT+2pv825Odbf5rXeE1LcJZggD40yD/ptfY9A6FtGxQZ/SVC0nJ
        4C614sfX4xvdU57d8DfJUic6Y7eXJNl3phW64+8ByGXudLdBuqY/g+pUeCIBdae6es55inz46bHAOYdl45MoM94J/hYUvzSugE6dVLgU/57WiMJJRlThoIDq
        GZyQ/Q==
        """)
    static let p256 = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HaZcAEAAgAIEk
        +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0AQAgAAcc1Fxf92p7mBMj4oegYfcXERaWO+8d0bn2O+xjPzD0IgBHADBFAiAYVGrgw1E2yI5J0G62+BTB
        XiwTCodDw0jeaFsty/DPkQIhAMGmLhxskgHFMqxJ2Mymf+NUYdI7NKWty9CaGYcmaH7x
        """)
    static let p384 = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HadcAEQAwAJ3O
        OXccx0SXKkQaghv4uE8vAwXnqfwYWmQI/iPpIJU2eODME3PNlipUow5FtKT+QQEAMAAoSjyXBmzxT6HR7XcBjOiJ3+z3OuysMxUn2SMx++unqQePARNf15R4
        IOX5uFT/gq8iAGcAMGUCMGe9NzpMnueTnODVh7Hf3XMrTA7bgjTrhGG1kZQ4bcy4YmqezoMQeR3aFN9xx7ZbcwIxANA/mGXTpR/x8h0ArNEgIwpWstk0GWaU
        p8AKwjzyxJKZ7FZJiaa4y16UQPRLe7r6qw==
        """)
    static let ed25519 = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HaZAAEAAgAIEk
        +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0AQAgACN1032AlgCgI6LtdUl4TBSiIxP/BxxOijAlilLx89hQJABAAGjZhELZd7oj0yfAkLoPK7tt/2/8
        /2EpHr+I8mTvRUL/TtICvY4gOI5USkHKyVhJF1yH4Iv0if2AGQryxWUM7wY=
        """)
    static let p256Padded = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HaZgAEAAgAIEk
        +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0AQAgAAcc1Fxf92p7mBMj4oegYfcXERaWO+8d0bn2O+xjPzD0IgBIADBFAiEAqKQplkYN+IUg42nzTNlN
        nbw7mZH7NofeN8gD+9+wi+oCIAbqo0WUJlHiuS/h8Txomcr+862nJnPxh+rQzGg9x4rPAA==
        """)
    static let p256Full = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HadIAEAAgAIEk
        +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0AgBbADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPXZgNw39nJaic/rnv8xs5L85P6WkKjwDcp0deqF
        VmSNZwo7hOZDxoAX1z+87eDXwZsh9Y0jzQYQFUpkhZL9UXkiAEcAMEUCIQD6+PgcXrTHk2N6SFZ2mJZJfAuy01hN86D7gxbzcnTOSAIgdIzeafLRWWXoFFMR
        SEPA6gyui+NycDD7S9KGSkqkbqM=
        """)
    static let ed25519SHA512 = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HadAAEgBAAPh7
        hnPBWzNaO6rGqFlzf4oAnm/n6bfKTDwb6UShBBc4REhyg3aSYWeCQdBMXZViUnM2YtPbj1mjlicCBLaY/M0BAEAA3XwMHI+Z2OQnyN6dwlUJoG2IlGEmwzrD
        95vPUTg8QBZqS7EbjSMDCGAT4JIIaODxmd3kdFtkQXm90xvnyg9ahiQAQACJMy3n7gFngzeAGlc9tVxn3NvwPX7f6lu3btEQwruHOiBLDzTWz/k6B+spUac7
        Jb+yAWDSe3dg3KkIQkhMOPwJ
        """)
    static let ed25519Pure = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HadUAEgBAAPh7
        hnPBWzNaO6rGqFlzf4oAnm/n6bfKTDwb6UShBBc4REhyg3aSYWeCQdBMXZViUnM2YtPbj1mjlicCBLaY/M0lAAEAAQEAQADdfAwcj5nY5CfI3p3CVQmgbYiU
        YSbDOsP3m89RODxAFmpLsRuNIwMIYBPgkgho4PGZ3eR0W2RBeb3TG+fKD1qGJABAAKnsZe+4dYQH9142nxSKp/4fMEuG/gv0j5Ynpx8RAx1l6WPURxAY4suz
        l8lVORfgb3NBiucfrm/vaoKyPAAIsgM=
        """)
    static let unsigned = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HaSgAEAAgAIEk
        +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0
        """)
    static let unsignedSHA384 = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HaTgAEQAwAJ3O
        OXccx0SXKkQaghv4uE8vAwXnqfwYWmQI/iPpIJU2eODME3PNlipUow5FtKT+QQ==
        """)
    static let protected = bytes(
        """
        PbjzlgAAAAAgAEwAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8IaUwAUAAEAAcA
        AABAAAwAAQAAAAIDBAAFAAAAdAAQAM+/8NGTdVaFloxIzosVrhd1ABAAkkx68DUjWiWi5Dx8wmkf06AABAB2MS4wB2mQABAAIABaNef64pVUbUmMyZ94i1Qx
        NiUxqlRjAxevDib/qn8jBQEAIAAjddN9gJYAoCOi7XVJeEwUoiMT/wccToowJYpS8fPYUCQAQACqh0EttS5DBuTB3ZLm92CmwvEY2hyxs1wtFRkbn4O02TV1
        tjPRJY8kjNI6jmrWavf0tGvTYdgJRuri8p+NyTUK
        """)
    static let encrypted = bytes(
        """
        PbjzlgAAAAAgAAAAMAAAAAQAAAABAgMABAAAAAAAAADFNgJyT/2RHs40RK4QiSeXo307iu8ZStMGUC9eLxUqNuFtJpWlpWOsA8EdzEBaiwoHaeQAEAAgALLR
        7KLEXS1Rt3LrQyHy4ECxlqYQtgnM2t7tOqg2NOaIAQAgACN1032AlgCgI6LtdUl4TBSiIxP/BxxOijAlilLx89hQJABAAJVtKxyC5YAcm8WuVlQlj+ql8myM
        unJy8laFMC/XMzShhM3ysXtvLZaZJmxc9DnLa0AIQPoUI0zlMQ+4ERh0bgYzAFAA74blLtFUTw2rxL3Pcf7Gg3Q3rPX1lAlpFum/QvVQ6Tcv+yjo6iQwYXi2
        p5gT3YVYi53xRdNy7JtP47sAAoUI/56PSCg9yMCsaaE/bQ1gVFA=
        """)
    /// 4,096 bytes with a trailer.
    static let confirmed = padded(
        bytes(
            """
            PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HaZAAEAAgAIEk
            +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0AQAgACN1032AlgCgI6LtdUl4TBSiIxP/BxxOijAlilLx89hQJABAAGjZhELZd7oj0yfAkLoPK7tt/2/8
            /2EpHr+I8mTvRUL/TtICvY4gOI5USkHKyVhJF1yH4Iv0if2AGQryxWUM7wY=
            """),
        trailer: bytes(
            """
            ////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////
            //////////////////8B/////////3fClfNg0u9/NVJQDyy2eYA=
            """))
    /// 4,096 bytes with a trailer.
    static let confirmed32 = padded(
        bytes(
            """
            PbjzlgAAAAAgAAAAMAAAAAAAAAABAgMABAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8HaZAAEAAgAIEk
            +dGIAgtgE8DcxjPAmgN2PKLABRKzBKXwomU7XK/0AQAgACN1032AlgCgI6LtdUl4TBSiIxP/BxxOijAlilLx89hQJABAAGjZhELZd7oj0yfAkLoPK7tt/2/8
            /2EpHr+I8mTvRUL/TtICvY4gOI5USkHKyVhJF1yH4Iv0if2AGQryxWUM7wY=
            """),
        trailer: bytes(
            """
            /////////////////////////////////////////////////////////////////////////////////////wH/////////////////////////////////
            /////////////////////////////yAALeFdKUELjXdnnBEPH4o=
            """))
    static let big = bytes(
        """
        lvO4PQAAAAAAIAAAAAAAMAAAAAABAgADAAAABAAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi9pBwCQEAAAIEv8
        muhsOueogFEgNxzsPr8m1V1DKnCIHi8MgDSCrv/kAQAAICN1032AlgCgI6LtdUl4TBSiIxP/BxxOijAlilLx89hQJAAAQETeVHKdeE0bdOjzn9aTFyHGpG0d
        QoS3FOniyKUYdWOlIda2ICw/WuDnuwuvKKv7Hj9trSu+TgEdK+9kQHm5YA4=
        """)
    static let rsa2048Key = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApDEg+iE67O0CX280xQXa
        PmjJQ3lYSAvZEQK/pCC6nkdfSmulEufdFfeDmM50VovJYS9Qy3blB+1qTruf0X/v
        /zzRsfVDOctVCq2iPSiXSPn3gPxlqrjFzv0ItBJZIhZdn67+VNQ7iqSzyXm91n48
        9GQJ27TQ/Jx2tS97YakBt3xIt47NdT575I1bDDV74e9iT1qTPsQwwBFRY+PiYp3a
        2mO+M2lxxXO8Gusk0xZDm39VoJS0YVAa3M1fsb678jWwWrFNbJCympvXLpBadlb8
        cov0m5EhMXxpf9E5NMMtuC5vvKoF5hcrU6eQrlnlMIhzl4rqkuqjKsdQgAducEVa
        yQIDAQAB
        -----END PUBLIC KEY-----
        """
    static let rsa3072Key = """
        -----BEGIN PUBLIC KEY-----
        MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEAtb7mgdgKiXXnkE6n7t2W
        98bt4/Z4X9cN6wXOHHn9cqf5n75OzntmL3slH+kbHr1MhigEYa3DqL3xPZDwl79u
        Cgtyh/2bEqSsHz4K7CB7HHu7eA/6I7p0YAoyppsQD9PIVXLoGL3O1Str1TzKpvDA
        otYavjVsuVFJ1XU8JMu9l4oJhJ1KGRAF7Cirbp/OWnJ59f4jtaDwx5ZSdeXFDvnX
        ZmdaOiywJ3QNxaN0xJFI4a199vxn2hCxLd/YkyNwJNfN5vonodf9eGIUmgWk3y26
        +A2lZTN2El3LDVjPctp6t/u1ADBgzue3bES10gBq/FwI3qgsa/IQu4UwOMOjBeGg
        EP4mStqFLviTzHRD1DBY2UJt/Gz2aiNPL0Jz2603W+/3PoyRhZgxHg87D93Yjnqn
        0WKntQ/ogC1O9rmSYPQT7RPdMO/eOujZqQxIoOlubACh5OsHlwu17ZtRm5+E8VRs
        nH3ZIY5OVndykSaZnBoxLfG1Da6rA0Y1OTN39VvV8zTlAgMBAAE=
        -----END PUBLIC KEY-----
        """
    static let p256Key = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9dmA3Df2clqJz+ue/zGzkvzk/paQ
        qPANynR16oVWZI1nCjuE5kPGgBfXP7zt4NfBmyH1jSPNBhAVSmSFkv1ReQ==
        -----END PUBLIC KEY-----
        """
    static let p384Key = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE1gskpS70G8+y6PL9jhFPKC8W5ll3rbBv
        Gjil+yCfZ4h7bI9oXotmIj6AFu+giYbDWtbavCdkD9VY18+7Jb/W0ii1/7HhbV0L
        SLs/IwLvgo8OBVamMJZ08MTHh3kw+PDN
        -----END PUBLIC KEY-----
        """
    static let ed25519Key = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAG47P5iiidXKCAH5i2tmM8T2SQh1GXgnO8H3CwDrRIsY=
        -----END PUBLIC KEY-----
        """

    static func bytes(_ base64: String) -> [UInt8] { Array(Data(base64Encoded: base64, options: .ignoreUnknownCharacters) ?? Data()) }

    private static func padded(_ image: [UInt8], trailer: [UInt8]) -> [UInt8] {
        image + Array(repeating: 0xff, count: 4_096 - image.count - trailer.count) + trailer
    }

    static func key(_ pem: String) throws -> ImageKey { try ImageKey(pem: pem) }
}
