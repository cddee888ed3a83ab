"""What a file turns out to be, whatever its name says."""

from __future__ import annotations

import pytest

from x_provider.media import MediaError, inspect


def test_a_decompression_bomb_is_refused_unopened(album):
    with pytest.raises(MediaError, match=r"bomb.png has too many pixels for a picture"):
        inspect(album("bomb.png"))


def test_messages_use_the_name_that_people_know(album):
    with pytest.raises(MediaError, match=r"^logo\.png is not what its name says: it is image/gif"):
        inspect(album("wide.gif"), name="logo.png")
