import asyncio
import gzip
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from palio.blobs.fetch import Fetcher, FetchFailed, FetchPolicy

MIB = 1024 * 1024


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


def redirect(location: str) -> bytes:
    return answer(b"", f"Location: {location}", "Content-Length: 0", status="302 Found")


async def fetch(url: str, *trusted: str, max_bytes: int = MIB, **policy: float) -> bytes:
    fetcher = Fetcher(FetchPolicy(trusted_hosts=frozenset(trusted), **policy))  # type: ignore[arg-type]
    try:
        return await fetcher.fetch(url, max_bytes)
    finally:
        await fetcher.close()


async def test_a_trusted_host_may_be_on_loopback(start_server, png):
    server = await start_server(answer(png, f"Content-Length: {len(png)}"))

    assert await fetch(server.url, server.host) == png


async def test_requests_carry_no_credentials_and_ask_for_no_compression(start_server, png):
    server = await start_server(answer(png, "Set-Cookie: a=b"))

    fetcher = Fetcher(FetchPolicy(trusted_hosts=frozenset([server.host])))
    await fetcher.fetch(server.url, MIB)
    await fetcher.fetch(server.url, MIB)
    await fetcher.close()

    for request in server.requests:
        headers = {line.partition(":")[0].lower() for line in request.splitlines()[1:] if line}
        assert headers == {"host", "accept", "accept-encoding", "user-agent"}
        assert "accept-encoding: identity" in request.lower()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ],
)
async def test_no_spelling_of_loopback_is_reached_unless_trusted(start_server, png, host):
    server = await start_server(answer(png))

    # Some spellings are no address to some systems, and no valid host to others.
    with pytest.raises(FetchFailed, match=r"not on the public internet|cannot be found|not valid"):
        await fetch(f"http://{host}:{server.port}/")

    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
        "http://100.100.100.200/",
        "http://[fe80::1]/",
    ],
)
async def test_private_and_metadata_addresses_are_refused(url):
    with pytest.raises(FetchFailed, match="not on the public internet"):
        await fetch(url)


async def test_trust_is_for_one_port_only(start_server, png):
    server = await start_server(answer(png))
    other = await start_server(answer(png))

    with pytest.raises(FetchFailed, match="not on the public internet"):
        await fetch(other.url, server.host)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/cat.png", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("gopher://example.org", "only http and https"),
        ("http://", "only http and https"),
        ("http:///cat.png", "only http and https"),
        ("//example.org/cat.png", "only http and https"),
        ("http://user:secret@example.org/", "user name or password"),
        ("http://user@example.org/", "user name or password"),
        ("http://[::1/", "not valid"),
        ("http://exa mple.org/", "cannot be found"),
        ("http://\u2460.example.org/", "not valid"),
        ("http://example.org:99999/", "cannot be found"),
        ("http://foo..bar/", "cannot be found"),
        (f"http://{'a' * 70}.example/", "cannot be found"),
        ("http://no-such-host.invalid/", "cannot be found"),
        ("http://example.org/" + "a" * 9000, "8192 characters"),
    ],
)
async def test_urls_that_cannot_be_used_say_why(url, reason):
    with pytest.raises(FetchFailed, match=reason) as failed:
        await fetch(url)
    assert "secret" not in str(failed.value)


async def test_redirects_are_followed_three_times(start_server, png):
    end = await start_server(answer(png))
    second = await start_server(redirect(end.url))
    first = await start_server(redirect(second.url))
    start = await start_server(redirect(first.url))
    beyond = await start_server(redirect(start.url))
    hosts = [server.host for server in (end, second, first, start, beyond)]

    assert await fetch(start.url, *hosts) == png
    with pytest.raises(FetchFailed, match="3 redirects"):
        await fetch(beyond.url, *hosts)


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "http://[::1", "loop"]
)
async def test_a_redirect_is_checked_like_any_url(start_server, target):
    inside = await start_server(answer(b"internal"))
    server = await start_server(redirect(inside.url if target == "loop" else target))

    with pytest.raises(FetchFailed):
        await fetch(server.url, server.host)

    assert inside.requests == []


async def test_relative_redirects_stay_on_the_host(start_server, png):
    async def by_path(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(png) if "/moved" in server.requests[-1] else redirect("/moved"))

    server = await start_server(by_path)

    assert await fetch(server.url, server.host) == png


async def test_the_connection_goes_to_the_address_that_was_checked(start_server, png):
    # Given a name server that would send a second look-up somewhere else
    server = await start_server(answer(png))
    looked_up: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["169.254.169.254"]

    fetcher = Fetcher(FetchPolicy(trusted_hosts=frozenset([f"images.example:{server.port}"])), resolve)
    body = await fetcher.fetch(f"http://Images.Example:{server.port}/cat.png", MIB)
    await fetcher.close()

    assert body == png
    assert looked_up == ["images.example"]
    assert f"host: images.example:{server.port}" in server.requests[0].lower()


async def test_one_private_address_among_public_ones_is_enough_to_refuse(start_server, png):
    server = await start_server(answer(png))

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["1.1.1.1", "127.0.0.1"]

    fetcher = Fetcher(FetchPolicy(), resolve)
    with pytest.raises(FetchFailed, match="not on the public internet"):
        await fetcher.fetch(f"http://images.example:{server.port}/", MIB)
    await fetcher.close()


async def test_the_next_address_is_tried_when_the_first_refuses(start_server, png):
    server = await start_server(answer(png))

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    fetcher = Fetcher(FetchPolicy(trusted_hosts=frozenset([f"images.example:{server.port}"])), resolve)
    assert await fetcher.fetch(f"http://images.example:{server.port}/", MIB) == png
    await fetcher.close()


async def test_tls_is_checked_against_the_name_and_not_the_number(start_server, png, tmp_path, monkeypatch):
    # Given a server with a certificate for images.example, and an operator who trusts its authority
    certificate, key = _certificate(tmp_path, "images.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = await start_server(answer(png), tls)
    trusted = frozenset([f"images.example:{server.port}", f"other.example:{server.port}"])

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    fetcher = Fetcher(FetchPolicy(trusted_hosts=trusted), resolve)
    assert await fetcher.fetch(f"https://images.example:{server.port}/", MIB) == png
    with pytest.raises(FetchFailed, match="certificate"):
        await fetcher.fetch(f"https://other.example:{server.port}/", MIB)
    await fetcher.close()


async def test_a_body_announced_as_too_large_is_not_read(start_server):
    async def announce(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", f"Content-Length: {100 * MIB}"))
        await asyncio.sleep(60)

    server = await start_server(announce)

    with pytest.raises(FetchFailed, match=f"larger than {MIB} bytes"):
        await fetch(server.url, server.host)


@pytest.mark.parametrize("header", ["Transfer-Encoding: chunked", "X-Nothing: 0"])
async def test_an_endless_body_is_cut_at_the_limit(start_server, header):
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", header))
        while True:
            writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n" if "chunked" in header else bytes(0x10000))
            await writer.drain()

    server = await start_server(endless)

    with pytest.raises(FetchFailed, match=f"larger than {MIB} bytes"):
        await fetch(server.url, server.host)


@pytest.mark.parametrize("length", ["3", "1000", "-1", "many", "9" * 5000])
async def test_a_content_length_that_lies_ends_in_an_error_or_in_what_came(start_server, length):
    server = await start_server(answer(b"0123456789", f"Content-Length: {length}"))

    try:
        assert await fetch(server.url, server.host) == b"012"
    except FetchFailed:
        assert length != "3"


async def test_a_compressed_body_is_refused_before_it_unfolds(start_server):
    bomb = gzip.compress(bytes(50 * MIB))
    server = await start_server(answer(bomb, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}"))

    with pytest.raises(FetchFailed, match="compressed"):
        await fetch(server.url, server.host)


@pytest.mark.parametrize(
    "status", ["204 No Content", "206 Partial Content", "304 Not Modified", "404 Not Found", "500 X"]
)
async def test_only_200_is_an_answer(start_server, status):
    server = await start_server(answer(b"", "Content-Length: 0", status=status))

    with pytest.raises(FetchFailed, match=f"answered {status[:3]}"):
        await fetch(server.url, server.host)


@pytest.mark.parametrize(
    "nonsense", [b"", b"\r\n\r\n", b"220 smtp.example ESMTP\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * MIB]
)
async def test_what_is_not_http_is_an_error_in_words(start_server, nonsense):
    server = await start_server(nonsense)

    with pytest.raises(FetchFailed, match="could not be read"):
        await fetch(server.url, server.host)


async def test_nobody_listening_is_an_error_in_words(start_server):
    with pytest.raises(FetchFailed, match="could not be read"):
        await fetch("http://127.0.0.1:9/", "127.0.0.1:9")


async def test_a_server_that_does_not_answer_is_given_up(start_server):
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server = await start_server(silent)

    with pytest.raises(FetchFailed, match="did not answer in time"):
        await fetch(server.url, server.host, read_seconds=0.1)


async def test_a_server_that_drips_is_given_up_when_the_total_time_is_over(start_server):
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", "Content-Length: 100000"))
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    server = await start_server(drip)
    started = time.monotonic()

    with pytest.raises(FetchFailed, match=r"longer than 0\.3 s"):
        await fetch(server.url, server.host, total_seconds=0.3)
    assert time.monotonic() - started < 2


async def test_a_name_server_that_does_not_answer_is_given_up():
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    fetcher = Fetcher(FetchPolicy(total_seconds=0.1), resolve)
    with pytest.raises(FetchFailed, match="longer than"):
        await fetcher.fetch("http://images.example/", MIB)
    await fetcher.close()


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
