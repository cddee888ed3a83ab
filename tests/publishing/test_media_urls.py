"""Files behind https URLs reach X as their bytes are, whatever their addresses end with."""

from __future__ import annotations

from pathlib import Path

import pytest
from drafting import described
from internet import Internet, reply
from PIL import Image

from x_provider.calendar import PartSpec
from x_provider.ledger import PartState
from x_provider.media import MediaSources
from x_provider.publishing import Publisher


@pytest.mark.parametrize("fit", [None, "default"])
def test_a_picture_with_the_wrong_ending_is_posted(
    sandbox, ledger, client, clock, plan, tmp_path, tmp_path_factory, fit
):
    path = tmp_path / "photo.webp"
    Image.new("RGB", (64, 36), (10, 20, 60)).save(path)
    internet = Internet(tmp_path_factory.mktemp("internet"), b"")
    internet.site("press.example", "93.184.215.14").answers["/photo.jpg"] = reply(Path(path).read_bytes())
    publisher = Publisher(
        ledger, client, account="x_default", sources=MediaSources(internet.fetcher()), clock=clock
    )
    spec = described(path).model_copy(update={"source": "https://press.example/photo.jpg", "fit": fit})
    fired = publisher.fire(plan(PartSpec(text="Look", media=[spec])).id)
    internet.stop()
    assert fired.post.state is PartState.POSTED, fired.why
    (media,) = sandbox.posts()[0]["media"]
    assert media["media_type"] == "image/webp"
