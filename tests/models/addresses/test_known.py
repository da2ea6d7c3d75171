"""Known contracts and published vectors of every blockchain are accepted, and stored in one form."""

import pytest

from app.models.blockchain import BLOCKCHAINS, canonical_address
from tests.models.addresses.known import CANONICAL, EIP_55, RESPELLED

EVM = ["ethereum", "bsc", "polygon", "arbitrum", "optimism", "base", "avalanche"]


@pytest.mark.parametrize("blockchain", BLOCKCHAINS)
def test_known_contracts_are_stored_in_their_one_form(blockchain):
    spellings = [(one, one) for one in CANONICAL[blockchain]] + RESPELLED.get(blockchain, [])
    wrong = {text: stored for text, form in spellings if (stored := canonical_address(blockchain, text)) != form}
    assert wrong == {}


def test_every_evm_blockchain_has_the_same_addresses():
    assert {canonical_address(blockchain, EIP_55[0].lower()) for blockchain in EVM} == {EIP_55[0]}


def test_token_lists_know_the_evm_blockchains_by_their_numbers():
    assert {key: one.chain_id for key, one in BLOCKCHAINS.items() if one.chain_id} == dict(
        zip(EVM, (1, 56, 137, 42161, 10, 8453, 43114), strict=True)
    )


def test_a_blockchain_is_found_by_its_key():
    assert all(key == one.key and one.label for key, one in BLOCKCHAINS.items())
