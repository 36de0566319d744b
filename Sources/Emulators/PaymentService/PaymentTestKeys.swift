/// Key pairs for the emulated payment services, made for this repository and published with it.
///
/// LAB TEST KEYS: everybody has them. They protect nothing, and no real merchant or service must ever use one of them.
/// The cloud of a lab is configured with the merchant's halves, as it would be with those of a real contract.
package enum PaymentTestKeys {
    /// Signs the answers and notices of the emulated WeChat Pay. LAB TEST KEY.
    package static let wechatPlatformPrivate = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCG4uQDiWBnJcYH
        sSNKcc7mSib9k9D6PHvVUozs2uWqPcFX9b+rtNQQ9qwTmWCMqBofy+Pa7VJvYtrl
        wsCGwflbHc88BaqA1GRz1Nwtw6cLEmCIeGf1mElpjgWLc7h84APCEdM5GgnlBCUG
        IbQojCmyKEXVp/Tf37P5RSlxw7m4xN2yLy2bkZeenoaYSeoh8a7TJ0yTJfygOH0F
        ndUwcUlThb3Pj9IXPZL5beSGoQ4dbnxPvENGSWp9P68MnX23x8jp4vFy2uERMJfC
        BpM9NxYnduyKN/Bh87Ro9jXCRNWa3+pkTI89cH7t7FFrjA9/34WOdO56lSBd34HZ
        yW8KrOOpAgMBAAECggEACLx0/WQmQ+P6yph+00Vh+8EZe6K5Xh2w/Qjk0vnd9lvb
        1AM5A+lZM1SQok/UpKOGFqFdW3pztH5j9E3b65ZwXKYGfCoXSBMJgwWKMaYagXFy
        ImCfBhV0CsO9qPGopSDaqXT/V9NPiP9O2RHxgc9LK4xncn43clECLm6774/4TUbN
        zF3uBo+wTRhWRk3TGYbsLQjub6N23R7XOFfMNMg2NKSVE07tGQq/y32ZGJfuq+tS
        9eKCEikg3/qQPTEiVLPuWhbQF1YiFe/JD7ktTTkP71lLzTkCBjO7WTWIUSIAeCGE
        742JhUf8Ne+thGlKl+3yvw3ybW4bAMmc6UR2KYAU0QKBgQC9OMAYABgYkW03qr9L
        hj8trh+05+voHzoCmFUEecKclB+ANYBUl1nArltUmZ4Ox6Zx0hZD9Olo0cCk7vkF
        ae5cPo/hRrON1zduf0JFUCuanpGDHHtDo69JohiqPHQ8mKMVcm4+6RT9uTXpkj2y
        sVmRT+A7zoUaxqbUWmjABmhe8QKBgQC2fTRoYMGCUkdaPi36sLbq508y+XbrVB4R
        iLPXvhz2eOSSmjva5NpqR24cJW505hmHd2aJgvv+Ip2Fe5fJvfmwGKq834lvIaU1
        JEPS/KLVHD75FQe5pRBu2fYRUF/oKs4tvd+6B2ojZ046Tuj+WmAwPT4J8V26022P
        GaehH+vAOQKBgC5a07xNcZm7Lq1feAORfLK9IGlaE5HG7JgsJ0+0YHepVdo7wRd4
        CHXKgPdFttHaGS1zER9OxUt3byE4peqsm8cfUHIYtu39lkfMhzihvjzfsbgT5yKX
        295HBpHVw4gAwJsFcHqa8RiDIfD5cYHwLogJsF4WZsc7eS02hMjeCP2RAoGBAJSl
        YfYPsjA8YyCP+5XzMdwf9DQ6XfKMfz2bE5sNobvmd5EvDshbl8nwSzGkD9gqwerF
        iIFEb4zvl03ugZJ0K5mUTicxElqylka2NoT7AowCyQzNY5CFcuBIrJYn2SddDrrV
        qhJ3Da6u7Fq0gjcFWMqSaCFjOQ0AQYLJy/CD9t2JAoGBAIr5UGRFBbMK6Tb7sxaS
        Cm3AH8ZuHChtyS98O3moxwxc5Xxv2VaE7pG0sV5280hk4MnfIXSDFLI8TKoMn+DL
        sd+J7kjctpndO6dAnZ9ri3XRwWf0SKgtYiWpnCPQ4TjlyETkSgZNS5u+bfb6BVX5
        zxKMckr+Owof7/usXvbBhu2a
        -----END PRIVATE KEY-----
        """

    /// Its certificate, which the merchant downloads; serial number `wechatPlatformSerial`. LAB TEST CERTIFICATE.
    package static let wechatPlatformCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIDWjCCAkKgAwIBAgIVGrflfA/+4AAAAAAAAAAAAAAAAAABMA0GCSqGSIb3DQEB
        CwUAMEkxCzAJBgNVBAYTAkNOMRYwFAYDVQQKDA1MQUIgVEVTVCBPTkxZMSIwIAYD
        VQQDDBlwYXltZW50IGVtdWxhdG9yIHRlc3Qga2V5MB4XDTI1MDEwMTAwMDAwMFoX
        DTQ1MDEwMTAwMDAwMFowSTELMAkGA1UEBhMCQ04xFjAUBgNVBAoMDUxBQiBURVNU
        IE9OTFkxIjAgBgNVBAMMGXBheW1lbnQgZW11bGF0b3IgdGVzdCBrZXkwggEiMA0G
        CSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQCG4uQDiWBnJcYHsSNKcc7mSib9k9D6
        PHvVUozs2uWqPcFX9b+rtNQQ9qwTmWCMqBofy+Pa7VJvYtrlwsCGwflbHc88BaqA
        1GRz1Nwtw6cLEmCIeGf1mElpjgWLc7h84APCEdM5GgnlBCUGIbQojCmyKEXVp/Tf
        37P5RSlxw7m4xN2yLy2bkZeenoaYSeoh8a7TJ0yTJfygOH0FndUwcUlThb3Pj9IX
        PZL5beSGoQ4dbnxPvENGSWp9P68MnX23x8jp4vFy2uERMJfCBpM9NxYnduyKN/Bh
        87Ro9jXCRNWa3+pkTI89cH7t7FFrjA9/34WOdO56lSBd34HZyW8KrOOpAgMBAAGj
        OTA3MAkGA1UdEwQCMAAwCwYDVR0PBAQDAgeAMB0GA1UdDgQWBBQRYKvHytQwq+0v
        YxxHox92S59tqzANBgkqhkiG9w0BAQsFAAOCAQEAM0cog7pF2aVksLoORuZ62fr3
        94/9raKAkO+rDGhLJkPTbz/NWf8m89UznbLfvxx2ut7hsjNYf+VVt+QroNS3o0Df
        VmSZJew5UMi1bGi491zRchKeyiC/T4tBHFmh2Fo8nwH2qv/sPCJfaJuss426UlM5
        Ms2m6kNxHVQvxrP2O5hLM+jPGqtPC4VdFp1fc9Kf/YCudNgzDSYHWcueG/okyTkF
        9mvVYmbig77k6LTf/zjHQVzyYNQZzNL9nd54t6bDIYpWJThrQqUmXSZm9H6X9lDV
        4foXAbROpRk1CM7XYrtEbhbVv59hDdoamryCeqjJNXQ6gco7/cif72lNFxWiUA==
        -----END CERTIFICATE-----
        """

    package static let wechatPlatformSerial = "1AB7E57C0FFEE00000000000000000000000000001"

    /// Signs the merchant's requests to WeChat Pay. LAB TEST KEY.
    package static let wechatMerchantPrivate = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCh3yJ+idQNjAQ5
        /VLMPVZoruk8TfXdksZHX49Iy42wdfcXmsvyW9AVYuR3cv/CJwdYQqbvc2YbioT5
        LOwz7qcAm8mUZaSLlgM8VC77/1tJRXRU65wOUpZRuqeTsml3OoE5fL+JwOi2zQZd
        f56o/QFFfP2FTILxXGtzhTUD4QSPAVQGZ/pSjh5SI/iMnCQUgjM5LjGy7YI1m0zA
        UJfS404j+XK+iou8sAj9hElJJoCXJuhTkt2xUm4qE8yulu3kTkTSEi6yq9LVfNcm
        bZLqhBSArypGCWpMcnnbo/Ro23HMh4eQG5GybfVh7GaAmflo8feO0qM0kngAm0Oh
        V/hjrVJzAgMBAAECggEAOKbHw0KIkP8uYX87sZhL/BIvNbhRMq1SMJuMoZz/50C5
        7Cx0cUtZvYphTD7WrQQMyYJ2OzqHg18M38otlpVRJGDhgUq7dlDXrA8IbJB3yeKB
        btEQymB0FIF/ca0QxTYYEN8Mh/EYYRXLQwDNrfXyMngmoDbhYwiF4KW/oq5ncoal
        efArAbJje8qotEwGp+w5fEFyTtn6vpVXwndGk7+gSKFThC+DUMxvfHTLay5m9KKD
        blp7b1a/TPOQbL/9IM2sK9yK6CEBKLUUNcnEWbFGZ3cf6NfhVxcDicGAOaSWzHR4
        IlzK7miMd6jEMKyZYnThIQd652OeXwB9Kq57jOyegQKBgQDOJ2lUx67FWjyBoezg
        Sd6Zf4BLo4b/pMWVovs8a8t4M9KSO4rDLSmEOh+tQdu7CSAbThTSMa4SaWJEKDYu
        Yf8LmgGGewmgRCATFtcJby1vFbUIBYIw4D1p53r6Y24yFJGfGx+fgT6gd1oZE35Y
        WcXcTgekSz+YB2VpyQkCnFz6gQKBgQDJArhjH5YLRG9s4h2k/tYC5HSeUWHtYNLg
        YqwbfM+Fh5NHbIO1mvleyc6+QqNw0uFy8jIOUDAcyMgE3m+BLmx6OMQN8GRu/KRC
        mmDgtoZxcV3YHpEfTkH4CD0cm7npHMWF5NOHJHBgEdQdzrFt34cNjb4zOzJjHeeO
        +TAUc2KK8wKBgQDCnAvgH7zJyvxxd5WwyaschnNrdAzdygNH1hqLmEr0xx8SMqk0
        xK57h48dtJ0kPGIVxKj9IC7ubJN6Oeej85ibsB+efwnARG9u9dG7sztVsU07LFAR
        qa3wCrhaJIEDP82UQDujDJQ9UU45e+B6sQyKgxLNssdu0hSXP1OFJmzTgQKBgQCA
        fDemTJNZImZi3+n5BFeBw8vzQqvo0uIYQZone9EeVjnDBs7tr2DEwRRgszHLtVAc
        bEmosoL+cyy/R/tYRHdcbJqNGmLoOp84X3ubR7CKJN/KfEdhDmHGjGWbusLMCfMM
        EedP0+/syJigcPUi+SVXeYnhL26Wwo+36PpdqB+OFwKBgDDdQ0iZBBICHuUFS+rt
        nIKPZ6QS++joL3uxggfD3uXwsNeBTtgD4QUxK7R9z0jhz5uEoLM7uOZ93e9PAQe3
        dHze6OppOjRVBuvTgN43MAlD9Zgv9r8EEbEl6DbWDf3HvmbEM/WOfQhaMl0qv06F
        OpLSEpMXpEoIHLY4BaVFCVBS
        -----END PRIVATE KEY-----
        """

    /// What WeChat Pay knows of the merchant.
    package static let wechatMerchantPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAod8ifonUDYwEOf1SzD1W
        aK7pPE313ZLGR1+PSMuNsHX3F5rL8lvQFWLkd3L/wicHWEKm73NmG4qE+SzsM+6n
        AJvJlGWki5YDPFQu+/9bSUV0VOucDlKWUbqnk7JpdzqBOXy/icDots0GXX+eqP0B
        RXz9hUyC8Vxrc4U1A+EEjwFUBmf6Uo4eUiP4jJwkFIIzOS4xsu2CNZtMwFCX0uNO
        I/lyvoqLvLAI/YRJSSaAlyboU5LdsVJuKhPMrpbt5E5E0hIusqvS1XzXJm2S6oQU
        gK8qRglqTHJ526P0aNtxzIeHkBuRsm31YexmgJn5aPH3jtKjNJJ4AJtDoVf4Y61S
        cwIDAQAB
        -----END PUBLIC KEY-----
        """

    /// The number that the merchant's own certificate would have.
    package static let wechatMerchantSerial = "1AB7E57C0FFEE00000000000000000000000000002"

    /// The APIv3 key, 32 bytes, which merchant and service share. LAB TEST KEY.
    package static let wechatSecret = "lab-test-apiv3-key-not-a-secret!"

    /// Signs the answers and notices of the emulated Alipay. LAB TEST KEY.
    package static let alipayPlatformPrivate = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDs7Tvp9PlaCr1H
        kQ30V8EuaVXNrKQo1qU8BivkST6se81Bo0eZpIuzNgkQH12BIPTgSZGqhE/QHHsb
        xyAqX83qgcY070QeJQ9sGJR5egXOu+0R2KuQQCG3w+6hZo+uQVjbE+tmTCSDg+bt
        rate3mlzYT0ZokRZXC31XxGwDFvgzZJdr5unIGk6tIUN3vqdySo18HjQHJ1tThn7
        LhFW14rxAoCce4TfjlnSb+n7aiA6NoQ0T/BCKkZ5OTy/E4maGVjspXTKOLGGVv5t
        TE5N4IcBkhngG82E3xgUvlNxeCbCQluMWf0i43hCq4nebE8mV2k0mSubQcpDozSU
        SbryVJ7dAgMBAAECggEAG9r70igNpa2hObKkXTJwvCgBQQhdAo9953Pi9tjlB/rE
        PpqCVrOMWIUasAJoCBWxBKpRoyZ24G/AykVxPYTRsme7Px+ptruXt8H0uYrZokfg
        +a9WOG750ope2itd6the/d7hLGqjrly0gAQ3o5SVpE2YlT9z4We04DuNr6Y8VSPM
        RaJM5eggeU7UL5106ptQcn3axqpGj1gURoefkKUYKPX826r5Gy+Fyjdw1rwxFClk
        VULGNwDArO+ucE89Vj/7cSzh7gSXiyhISF2VV4jIcJenD3T3ku7+3k+Wm2gxlWv1
        igwGMwgoU+n2Ddn89n1Qy1MixveGfXl3rzVKKFMTtwKBgQD/eHUTZXMaQUFqYDqo
        r8w+CvQGRox3jDrVeHuzhCRmqRdBGtirq8CYAJLmmN0WBry3R6QHKn/uP+X+5hmi
        qzEgfB6zKLUeggtoNooCzDlxNrpShkUAkpgWVK5zWW+vrRHBekGjJZoQPhdbSrcX
        vD6CVN9dc5W2BzuiLCiO2py3mwKBgQDtavAlrDXcBRtdOSQfVnc4UFIE6Z/VYL29
        BH87HHa/As02sPKk/YnTMZpfyv8d3onWRajgd47NGIPlvfyIdExaRJTwkb4hXqkW
        gsJCp10jsJqDZdI0GFQBEe2zgb5JTRmDG1oAGrNf9tB2l3jPOpO5JwRJHYMWR33r
        0EAXkTT25wKBgHhtolMIaeAgjuPEhSJr7M36f9pNe34HftyOtVGEo1w5rZqlOyqC
        BoIhEx7dRKtTdba4cNxn7nKzcIpekgsaxEfZ+ubd87Nz/kicHScAeruh3ud0ICcK
        8+Li/HGn4XxhC5O3PCXaXev2OTBx4imwNY9ezwTQrexnMHdcdaoR5/qtAoGAZNrI
        qTg+qPiCZ1eewLE6c/Gq5etYuoweDe2bHsE4sGvAQTtp2CzcH5syuP7C4S1n4F43
        HyOqxfVkEnRikpTU2oPHwWooGoTbz3Q8kZQHPOIIwUi/wuGSzeGP2HGFJB5ceBVm
        ZiTxjhKK+9XcvCtmFYE9kNG4nf5Av6v3jgthNIECgYEAj0M9qtARfjg0KvlgYUXn
        KgntKi3tTiS7xRLuDpfonZJYHoD6DzjI+PjoTzT51VyF0cdPEDfu3ZWtIUu082+I
        jizuRX2pCVjxRbfk1gehE2fnsrYnJRveNqAzl4LwP7jKSntMvhuu86SbRhw/D1Uv
        Bzj98g5BiiaDhnXhy0iISN0=
        -----END PRIVATE KEY-----
        """

    /// What the merchant knows of Alipay.
    package static let alipayPlatformPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA7O076fT5Wgq9R5EN9FfB
        LmlVzaykKNalPAYr5Ek+rHvNQaNHmaSLszYJEB9dgSD04EmRqoRP0Bx7G8cgKl/N
        6oHGNO9EHiUPbBiUeXoFzrvtEdirkEAht8PuoWaPrkFY2xPrZkwkg4Pm7a2rXt5p
        c2E9GaJEWVwt9V8RsAxb4M2SXa+bpyBpOrSFDd76nckqNfB40BydbU4Z+y4RVteK
        8QKAnHuE345Z0m/p+2ogOjaENE/wQipGeTk8vxOJmhlY7KV0yjixhlb+bUxOTeCH
        AZIZ4BvNhN8YFL5TcXgmwkJbjFn9IuN4QquJ3mxPJldpNJkrm0HKQ6M0lEm68lSe
        3QIDAQAB
        -----END PUBLIC KEY-----
        """

    /// Signs the application's requests to Alipay. LAB TEST KEY.
    package static let alipayApplicationPrivate = """
        -----BEGIN PRIVATE KEY-----
        MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQDRtoOBv6aOxww1
        51Wknajfh+Ms1TydxZAHw0OqLD99G6dP9yWdL2BTtq5t8QxN131LLkrzpgTxNxAw
        anKX7RFwbpm54qmv180NsVA6RTM88vNa7i8cnvNRK6Puj/ecgfIRRkbIAyowVLY2
        9TOp4n1WoiZpcKJqUgGNEVQCvs600y8HGsBCy7J1Wi/EyO1HaJth57FzwUP49z79
        AHLqUOdAE9stICUIs+iYpbHy16WfO8l1jq+/Ok/IeIwUmzYZiXVk6R6ALqHYoGVS
        Ni4wsk7zg0XKCs9Lp0dMbbNexX26qi65zlUbF1FH8Ge97DRJrjhXNfbYYPol5uD1
        Owqd4o23AgMBAAECggEAKyIef0fTcqdnEAkyOMcCrmMtKxH6wzqYyrfzSWOLdWiE
        K7LaJi/R4LYAv3UmQjZxu05ctStu9cwNBOBIDI6CmTzuWmjP3O6GauwO48VK6hzQ
        R+IYh4r74bSXpaAv3h1uE/Z/5XCdM06hIcGiLC18+R4lx2cWyMZwMjsfq+bh7hfo
        TKr+dqrCJaLx7KyhzRXSQadIxgkXl4rf13LDiuB+bBStwhb9+qxk2j8jNMzHGJze
        hR7Pqqs7UqlpSsWSyN4LK1HPkMQHm5zntJXRNH1dvvIEhcFRxY/NZENRxj4e1Q/F
        KvWrhp9EUSAxkCB0bgxYzo9z7pKJkVQNle8z18P1QQKBgQDsy+YZf0WqcpJB6I30
        t1EjMH+Rx69PiLaBY5RMC8SxBmUYxkgPRBOWZczfVffbZDj5FUprhdRQXtSjqKdX
        0kzsOwNb0xmVF738eod3SJu9RgNuyLthcURfav4M8lEJSr8yLxpAdsiY9gRVD8o9
        iqlpfzrq5f3hTvTl3wXn5HqH9wKBgQDiuFZK+5olqyarKKb8vxWmOFjzXiFdQG6i
        8psg08dWTRJFHgF58ln3KKOZXPoAKOmXIB2VkQTfsFoPJHrBqKOh0U+Eu55fWJml
        Wb9WFw20dI6T/zIYhAKeRGOPpE1jJEWI+Op7oPp2ynQURPmHe439D95cFQ6ltsB4
        hyCZqTg4QQKBgQDMPPmUGFAwOW2o5zo5TjvvTA9b34133gT8CLWJ+cSGo2tjOPJC
        KId0ew1/vBhx5Dm3rQNpRh7fy0tAdWEQwFSUlDnLY4J3M+kr8UsSOVAKqm6fiQcF
        frpoSlIhPIdkqlHKqRHNdCaEt/z4mQvolMaWNaTNod2eDYnxErF3V3vP9QKBgQC0
        67kg+QqXiK7A4x3uj2XtUQXan4EscyBWtBcK6TUnLzWnJjyzXaxhSXLUDZgKzJsr
        WBuDoUgsYQRdFRVIuRRrKyazmyzUlVV219mSD6+GE4U7oOgPHDkipxx0If8HYIiE
        t24W3e1BImnjSu99KCG0khc1kDAyGVYaWGqxdJJCgQKBgQCLqcKsEF8AIbQlt+Ce
        ECOR+YSaVQFuxOu6NCiAfmtx4CLAl6C443+zZDH31vVbgG5TI3R7oI8pk/Z/MfIa
        RG21kAizr0SnQ5hlhHwBQX2uD9vfaI94XS9yj+DF86xACtqr2lowA4tKlP12ZGve
        wjNys7f4QkdR3SeRDWwLxPd+4g==
        -----END PRIVATE KEY-----
        """

    /// What Alipay knows of the application.
    package static let alipayApplicationPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0baDgb+mjscMNedVpJ2o
        34fjLNU8ncWQB8NDqiw/fRunT/clnS9gU7aubfEMTdd9Sy5K86YE8TcQMGpyl+0R
        cG6ZueKpr9fNDbFQOkUzPPLzWu4vHJ7zUSuj7o/3nIHyEUZGyAMqMFS2NvUzqeJ9
        VqImaXCialIBjRFUAr7OtNMvBxrAQsuydVovxMjtR2ibYeexc8FD+Pc+/QBy6lDn
        QBPbLSAlCLPomKWx8telnzvJdY6vvzpPyHiMFJs2GYl1ZOkegC6h2KBlUjYuMLJO
        84NFygrPS6dHTG2zXsV9uqouuc5VGxdRR/Bnvew0Sa44VzX22GD6Jebg9TsKneKN
        twIDAQAB
        -----END PUBLIC KEY-----
        """
}
