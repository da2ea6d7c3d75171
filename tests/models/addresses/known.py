"""Well-known contracts and published vectors: what is entered, and what is stored where that differs."""

# Each with letters of both cases, so that EIP-55 has something to say.
EIP_55 = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
# The others of EIP-55: all capitals, all small.
EIP_55_ONE_CASE = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
]
WORMHOLE_USDC = "0x5d4b302506645c37ff133b98c4b50a5ae14841659738d6d733d59d0d217a93bf"
# Its first digit is a zero, which some leave out.
CETUS = "6864a6f921804860930db6ddbe2e16acdf8504495ea7481637a1c8b9a8fe54b"
TON_COOKBOOK = "EQDKbjIcfM6ezt8KjKJJLshZJJSqX7XOA4ff-W72r5gqPrHF"
ATOM_ON_OSMOSIS = "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"

# By blockchain, stored as they are.
CANONICAL: dict[str, list[str]] = {
    "ethereum": [
        *EIP_55,
        *EIP_55_ONE_CASE,
        "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",  # USDC
        "0xdAC17F958D2ee523a2206206994597C13D831ec7",  # USDT
    ],
    "bsc": ["0x55d398326f99059fF775485246999027B3197955"],  # USDT
    "polygon": ["0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"],  # USDC
    "arbitrum": ["0xaf88d065e77c8cC2239327C5EDb3A432268e5831"],  # USDC
    "optimism": ["0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85"],  # USDC
    "base": ["0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"],  # USDC
    "avalanche": ["0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E"],  # USDC
    "solana": [
        "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",  # USDC
        "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB",  # USDT
        "So11111111111111111111111111111111111111112",  # wrapped SOL
        "11111111111111111111111111111111",  # 32 zero bytes
    ],
    "tron": [
        "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",  # USDT
        "TA3941uFAvmVibSkQ6fMJXxmaSNovX86mz",
        "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    ],
    "bitcoin": [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "b61b0172d95e266c18aea0c624db987e971a5d6d4ebc2aaed85da4642d635735i0",  # the deployment of ordi
        "ordi",
        "$pup5",
        "1:0",  # UNCOMMON•GOODS
        "840000:1",
    ],
    "ton": [
        "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs",  # USDT
        TON_COOKBOOK,
        "Ef8zMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM0vF",  # the elector, on the masterchain
    ],
    "sui": [
        "0x2::sui::SUI",
        "0xdba34672e30cb065b1f93e3ab55318768fd6fef66c15942c9f7cb846e2f900e7::usdc::USDC",
        f"{WORMHOLE_USDC}::coin::COIN",
        f"0x2::coin::Coin<{WORMHOLE_USDC}::coin::COIN>",
    ],
    "aptos": [
        "0x1::aptos_coin::AptosCoin",
        "0xa",  # APT as a fungible asset
        "0xbae207659db88bea0cbead6da0ed00aac12edcdda169e591cd41c94180b46f3b",  # USDC
        "0xf22bede237a07e121b56d91a491eb7bcdfd1f5907926a9e58338f964a01b17fa::asset::USDC",
        "0x1::a::LP<0x1::aptos_coin::AptosCoin,vector<vector<u8>>,0x2::_b::C_1<bool,u256>>",
    ],
    "near": [
        "usdt.tether-token.near",
        "17208628f84f5d6ad33f0da3bbbeb27ffcb398eac501a31bd6ad2011e36133a1",  # USDC
        "wrap.near",
        "aurora",
        "a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48.factory.bridge.near",
        "0x85f17cf997934a597031b2e18a9ab6ebd4b9f6a4",
        "1_4m_n0t-al1c3.near",
    ],
    "cosmos": [
        ATOM_ON_OSMOSIS,
        "factory/osmo1em6xs47hd82806f5cxgyufguxrrc7l0aqx7nzzptjuqgswczk8csavdxek/alloyed/allUSDT",
        "factory/osmo10c4y9csfs8q7mtvfg4p9gd8d0acx0hpc2mte9xqzthd7rd3348tsfhaesm/sICP-native-ICP",
        "juno14cr367h7vrgkx4u6q6prk2s29rlrp8hn478q2r9zrpyhkx7mx5dsuw7syw",
    ],
}

# By blockchain: another spelling, and what is stored.
RESPELLED: dict[str, list[tuple[str, str]]] = {
    "ethereum": [
        *((one.lower(), one) for one in EIP_55),
        *((f"0x{one[2:].upper()}", one) for one in EIP_55),
        (EIP_55[0].upper(), EIP_55[0]),
        (f" {EIP_55[0]}\r\n", EIP_55[0]),
    ],
    "bitcoin": [
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ("ORDI", "ordi"),
        ("0840000:01", "840000:1"),
        (f"{'AB' * 32}I12", f"{'ab' * 32}i12"),
    ],
    "ton": [
        ("0:ca6e321c7cce9ecedf0a8ca2492ec8592494aa5fb5ce0387dff96ef6af982a3e", TON_COOKBOOK),
        ("0:CA6E321C7CCE9ECEDF0A8CA2492EC8592494AA5FB5CE0387DFF96EF6AF982A3E", TON_COOKBOOK),
        (TON_COOKBOOK.replace("-", "+"), TON_COOKBOOK),
        (f"-1:{'33' * 32}", "Ef8zMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM0vF"),
        ("UQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_p0p", "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs"),
    ],
    "sui": [
        (f"0x{2:064}::sui::SUI", "0x2::sui::SUI"),
        ("0X02::sui::SUI", "0x2::sui::SUI"),
        ("0x00::a::A", "0x0::a::A"),
        (f"0x{CETUS}::cetus::CETUS", f"0x0{CETUS}::cetus::CETUS"),
        (f"0x0{CETUS.upper()}::cetus::CETUS", f"0x0{CETUS}::cetus::CETUS"),
        ("0xdee9::a::B<0x02::a::B>", f"0x{'dee9':0>64}::a::B<0x2::a::B>"),
    ],
    "aptos": [
        (f"0x{'a':0>64}", "0xa"),
        ("0x0A", "0xa"),
        (f"0x{CETUS}", f"0x0{CETUS}"),
        (f"0x{1:064}::aptos_coin::AptosCoin", "0x1::aptos_coin::AptosCoin"),
    ],
    "near": [("Wrap.NEAR", "wrap.near"), (EIP_55[0], EIP_55[0].lower())],
    "cosmos": [
        (ATOM_ON_OSMOSIS.lower(), ATOM_ON_OSMOSIS),
        (ATOM_ON_OSMOSIS.replace("ibc", "IBC"), ATOM_ON_OSMOSIS),
        (
            "JUNO14CR367H7VRGKX4U6Q6PRK2S29RLRP8HN478Q2R9ZRPYHKX7MX5DSUW7SYW",
            "juno14cr367h7vrgkx4u6q6prk2s29rlrp8hn478q2r9zrpyhkx7mx5dsuw7syw",
        ),
        (
            "factory/OSMO17FEL472LGZS87EKT9DVK0ZQYH5GL80SQP4SK4N/LAB",
            "factory/osmo17fel472lgzs87ekt9dvk0zqyh5gl80sqp4sk4n/LAB",
        ),
    ],
}
