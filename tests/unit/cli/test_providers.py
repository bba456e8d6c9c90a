"""`palio providers`: how the providers stand, for whoever runs the server."""

import pytest

PROVIDERS = "GET /v2/operator/providers"
REPORT = {
    "items": [
        {
            "name": "gpu",
            "kind": "http",
            "state": "failing",
            "reason": "left alone after faults: sdxl",
            "running": 1,
            "waiting": 3,
            "limit": 2,
            "places": 4,
            "spent": 1.25,
            "models": [
                {
                    "model": "sdxl",
                    "breaker": "open",
                    "opensIn": 4.0,
                    "isSlow": False,
                    "runs": 12,
                    "success": 0.75,
                    "medianSeconds": 3.21,
                    "lateSeconds": 9.0,
                }
            ],
            "serves": [{"model": "base.safetensors", "family": "sdxl", "members": ["civitai:101055@128078", "*"]}],
        }
    ]
}


@pytest.fixture(autouse=True)
def _use_the_script(palio, script, monkeypatch) -> None:
    monkeypatch.setenv("PALIO_URL", script.url)
    monkeypatch.setenv("PALIO_TOKEN", "secret-token")


def test_they_are_a_table_with_the_reasons_below(palio, script):
    script.on(PROVIDERS, REPORT)

    ran = palio("providers")

    head, row = ran.out.splitlines()
    assert head.split() == ["NAME", "KIND", "STATE", "RUNNING", "WAITING", "MEDIAN", "SUCCESS", "SPENT"]
    assert row.split() == ["gpu", "http", "failing", "1/2", "3", "3.21", "s", "75%", "$1.25"]
    assert "gpu: left alone after faults: sdxl" in ran.err


def test_the_models_of_each_are_a_table_of_their_own(palio, script):
    script.on(PROVIDERS, REPORT)

    head, row = palio("providers", "--models").out.splitlines()

    assert head.split() == ["NAME", "FAMILY", "MODEL", "FOR"]
    assert row.split() == ["gpu", "sdxl", "base.safetensors", "civitai:101055@128078,", "*"]


def test_the_document_itself_comes_on_request(palio, script):
    script.on(PROVIDERS, REPORT)

    assert '"medianSeconds": 3.21' in palio("providers", "--json").out


def test_who_is_no_operator_is_told(palio, script):
    script.on(PROVIDERS, {"status": 403, "detail": "this needs an operator's token"}, status=403)

    ran = palio("providers")

    assert (ran.code, "operator's token" in ran.err) == (1, True)
