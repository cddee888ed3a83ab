"""The addresses of posts, as people copy them."""

from __future__ import annotations

import pytest

from x_provider.text import post_id_of

ID = "1460323737035677698"


@pytest.mark.parametrize(
    "written",
    [
        ID,
        f" {ID}\n",
        f"https://x.com/nordlicht/status/{ID}",
        f"http://x.com/nordlicht/status/{ID}/",
        f"x.com/nordlicht/status/{ID}",
        f"https://X.com/Nordlicht/Status/{ID}",
        f"https://www.x.com/nordlicht/status/{ID}?s=20&t=abc-_",
        f"https://twitter.com/nordlicht/status/{ID}?ref_src=twsrc%5Etfw#m",
        f"https://mobile.twitter.com/nordlicht/status/{ID}",
        f"https://twitter.com/nordlicht/statuses/{ID}",
        f"https://x.com/i/status/{ID}",
        f"https://x.com/i/web/status/{ID}",
        f"https://x.com/nordlicht/status/{ID}/photo/1",
        f"https://x.com/nordlicht/status/{ID}/video/1?s=20",
        f"http://localhost:8080/nordlicht/status/{ID}",
    ],
)
def test_an_address_of_a_post_gives_its_id(written: str) -> None:
    assert post_id_of(written) == ID


@pytest.mark.parametrize(
    "written",
    [
        "",
        "december/hello",
        "last",
        "12345678901234567890",
        "\u0661\u0662\u0663",
        "https://x.com/nordlicht",
        "https://x.com/nordlicht/status/",
        f"https://x.com/nordlicht/status/{ID}x",
        f"https://x.com/nordlicht/status/{ID}/likes",
        f"https://x.com/status/{ID}",
        f"https://example.org/?to=https://x.com/nordlicht/status/{ID}",
        f"see https://x.com/nordlicht/status/{ID}",
        f"ftp://x.com/nordlicht/status/{ID}",
        f"nordlicht/status/{ID}"[:-1] + "/" + ID,
        "https://t.co/abc",
    ],
)
def test_what_is_no_address_of_a_post_gives_none(written: str) -> None:
    assert post_id_of(written) is None
