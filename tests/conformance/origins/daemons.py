"""Origins from the distribution: web servers and proxies."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable

from .origin import ECHOES, FRAMING, Origin, Pair, Place, Proxy, Seen
from .reading import Fields, Request

_IS_ROOT = os.geteuid() == 0


class Nginx(Proxy):
    """nginx, which forwards what it has parsed."""

    name = "nginx"
    program = "nginx"

    def shown_field(self, name: str, value: str) -> Pair | None:
        # `ignore_invalid_headers`, which is on unless somebody turns it off.
        return (name, value) if _is_plain(name) else None

    def command(self, place: Place) -> list[str]:
        temporary = "\n".join(
            f"{kind}_temp_path {place.folder}/{kind};"
            for kind in "client_body proxy fastcgi uwsgi scgi".split()
        )
        (place.folder / "nginx.conf").write_text(f"""
            {"user root;" if _IS_ROOT else ""}
            worker_processes 1;
            daemon off;
            error_log stderr warn;
            pid {place.folder}/pid;
            events {{}}
            http {{
                access_log off;
                {temporary}
                server {{
                    listen unix:{place.socket};
                    location / {{
                        proxy_pass http://127.0.0.1:{place.recorder};
                        proxy_http_version 1.1;
                        proxy_set_header Host $http_host;
                        proxy_set_header Connection "";
                    }}
                }}
            }}
        """)
        return ["-p", str(place.folder), "-c", f"{place.folder}/nginx.conf"]


class Haproxy(Origin):
    """HAProxy, which answers by itself with what its rules see."""

    name = "haproxy"
    program = "haproxy"
    removes = frozenset({"expect", "upgrade"})

    def command(self, place: Place) -> list[str]:
        words = " ".join(f"%[{sample},base64]" for sample in ("method", "url", "req.hdrs", "req.body"))
        (place.folder / "haproxy.cfg").write_text(f"""
            global
                tune.bufsize 131072
            defaults
                mode http
                timeout client 30s
                timeout http-request 30s

            frontend echo
                bind unix@{place.socket}
                option http-buffer-request
                http-request wait-for-body time 10s
                http-request set-var-fmt(txn.said) "{words}"
                http-request return status 200 hdr x-saw "%[var(txn.said),base64]" if METH_HEAD
                http-request return status 200 content-type text/plain lf-string "%[var(txn.said)]"
            \n""")
        return ["-db", "-f", f"{place.folder}/haproxy.cfg"]

    def read(self, said: bytes) -> Seen:
        method, target, head, body = (base64.b64decode(word) for word in said.split(b" "))
        lines = (line.partition(b":") for line in head.split(b"\r\n") if line)
        return Seen(
            method.decode(),
            target.decode("latin-1"),
            _pairs((name, value) for name, _, value in lines),
            body,
            None,
        )


class Cgi(Origin):
    """An origin that runs a program for each request."""

    joins = True
    # Programs would take `HTTP_PROXY` for a setting of theirs.
    removes = frozenset({"proxy"})

    def shown_field(self, name: str, value: str) -> Pair | None:
        return (name if name in FRAMING else re.sub("[^a-z0-9]", "_", name)), value

    def read(self, said: bytes) -> Seen:
        listed, mark, body = said.partition(b"\0\0")
        if not mark:
            raise ValueError("no end of the environment")
        framing = {f"HTTP_{name}".upper().replace("-", "_").encode() for name in FRAMING}
        environment = dict(entry.split(b"=", 1) for entry in listed.split(b"\0") if entry)
        fields = [
            (name.removeprefix(b"HTTP_").lower(), value)
            for name, value in environment.items()
            if (name.startswith(b"HTTP_") or name == b"CONTENT_TYPE") and name not in framing
        ]
        method, target = environment[b"REQUEST_METHOD"].decode("latin-1"), environment[b"REQUEST_URI"]
        return Seen(method, target.decode("latin-1"), _pairs(fields), body, None)


class Apache(Cgi):
    """Apache httpd with a program behind mod_cgid."""

    name = "apache"
    program = "apache2"
    on_port = True
    # It judges conditions before it asks the program.
    dislikes = frozenset({304})

    def shown_field(self, name: str, value: str) -> Pair | None:
        return super().shown_field(name, value) if _is_plain(name) else None

    def keeps_to_itself(self, request: Request) -> bool:
        return request.target == "*"

    def command(self, place: Place) -> list[str]:
        modules = "mpm_event authz_core alias cgid".split()
        loaded = "\n".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules
        )
        (place.folder / "apache.conf").write_text(f"""
            ServerRoot {place.folder}
            ServerName localhost
            DefaultRuntimeDir {place.folder}
            PidFile {place.folder}/pid
            ErrorLog {place.folder}/error.log
            Listen 127.0.0.1:{place.port}
            {loaded}
            {"User nobody" if _IS_ROOT else ""}
            {"Group nogroup" if _IS_ROOT else ""}
            ScriptSock {place.folder}/cgid.sock
            ScriptAliasMatch "^.*$" "{place.folder}/echo.cgi"
            <Directory {place.folder}>
                Require all granted
                Options ExecCGI
                CGIPassAuth On
            </Directory>
        """)
        _copy_script(place)
        return ["-D", "FOREGROUND", "-f", f"{place.folder}/apache.conf"]


class Lighttpd(Cgi):
    """lighttpd with a program behind mod_cgi."""

    name = "lighttpd"
    program = "lighttpd"
    removes = Cgi.removes | {"expect", "upgrade"}

    def shown_field(self, name: str, value: str) -> Pair | None:
        if name == "host":
            value = value.lower().removesuffix(":80").removesuffix(".")
        return super().shown_field(name, value) if value else None

    def joined(self, name: str, some: list[str]) -> str:
        # It lets pass the same type twice, and shows it once.
        return super().joined(name, list(dict.fromkeys(some)) if name == "content_type" else some)

    def command(self, place: Place) -> list[str]:
        (place.folder / "lighttpd.conf").write_text(f"""
            server.modules = ("mod_rewrite", "mod_cgi")
            server.document-root = "{place.folder}"
            server.bind = "{place.socket}"
            server.http-parseopts = ("url-normalize" => "disable")
            server.range-requests = "disable"
            server.errorlog = "{place.folder}/error.log"
            server.upload-dirs = ("{place.folder}")
            url.rewrite-once = ("" => "/echo.cgi")
            cgi.assign = (".cgi" => "")
        """)
        _copy_script(place)
        return ["-D", "-f", f"{place.folder}/lighttpd.conf"]


class Varnish(Proxy):
    """Varnish, told to cache nothing."""

    name = "varnish"
    program = "varnishd"
    adds = frozenset({"x-varnish", "x-forwarded-for", "via"})
    removes = Proxy.removes | {"trailer"}
    # To trailers, which it cannot read; it ends the connection.
    dislikes = frozenset({503})

    def shown_body(self, request: Request) -> bytes:
        # It reads the body of a GET, and leaves it behind.
        return b"" if request.method == "GET" else request.body

    def answers_part(self, head: bytes) -> bool:
        return head.startswith(b"GET ")

    def command(self, place: Place) -> list[str]:
        (place.folder / "varnish.vcl").write_text(f"""
            vcl 4.1;
            backend recorder {{ .host = "127.0.0.1"; .port = "{place.recorder}"; }}
            sub vcl_recv {{ return (pass); }}
        """)
        return [
            "-F",
            "-a",
            str(place.socket),
            "-f",
            f"{place.folder}/varnish.vcl",
            "-n",
            f"{place.folder}/work",
            "-j",
            "none",
            "-p",
            "http_range_support=off",
        ]


class H2o(Proxy):
    """h2o as a proxy."""

    name = "h2o"
    program = "h2o"
    adds = frozenset({"x-forwarded-for", "x-forwarded-proto", "via"})
    removes = Proxy.removes | {"proxy-authorization"}

    def shown_target(self, target: str) -> str:
        return "/" if target == "*" else target

    def command(self, place: Place) -> list[str]:
        (place.folder / "h2o.conf").write_text(f"""
listen:
  port: {place.socket}
  type: unix
num-threads: 1
pid-file: {place.folder}/pid
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: http://127.0.0.1:{place.recorder}/
        proxy.preserve-host: ON
        """)
        return ["-c", f"{place.folder}/h2o.conf"]


class TrafficServer(Proxy):
    """Apache Traffic Server, without its cache."""

    name = "trafficserver"
    program = "traffic_server"
    trailers = "passed"
    on_port = True
    adds = frozenset({"client-ip", "x-forwarded-for", "via"})
    removes = Proxy.removes | {"proxy-authorization"}

    def shown_target(self, target: str) -> str:
        # What is mapped is what comes after the slashes, and a query without text is none.
        return "/" + target.lstrip("/").removesuffix("?")

    def command(self, place: Place) -> list[str]:
        root = place.folder
        folders = {"bindir": "/usr/bin", "sbindir": "/usr/sbin", "libdir": "/usr/lib/trafficserver"}
        own = "prefix exec_prefix sysconfdir datadir includedir localstatedir runtimedir logdir cachedir"
        folders |= {"libexecdir": "/usr/lib/trafficserver/modules", **dict.fromkeys(own.split(), str(root))}
        files = {
            "runroot.yaml": "".join(f"{name}: {path}\n" for name, path in folders.items()),
            "remap.config": f"map / http://127.0.0.1:{place.recorder}/\n",
            "ip_allow.yaml": "ip_allow: [{apply: in, ip_addrs: 127.0.0.1, action: allow, methods: ALL}]\n",
            "records.config": "".join(f"CONFIG proxy.config.{line}\n" for line in self._records(place)),
        }
        for name in "storage plugin cache parent volume ssl_multicert".split():
            files[f"{name}.config"] = ""
        for name, text in files.items():
            (root / name).write_text(text)
        return [f"--run-root={root}/runroot.yaml"]

    def _records(self, place: Place) -> list[str]:
        return [
            f"http.server_ports STRING {place.port}:ip-in=127.0.0.1",
            "http.cache.http INT 0",
            "http.normalize_ae INT 0",
            "url_remap.pristine_host_hdr INT 1",
            # Whoever has started it; it would drop to a user of the distribution.
            "admin.user_id STRING #-1",
            "exec_thread.autoconfig INT 0",
            "exec_thread.limit INT 1",
            "log.logging_enabled INT 0",
            "crash_log_helper STRING NULL",
        ]


def _copy_script(place: Place) -> None:
    script = place.folder / "echo.cgi"
    script.write_bytes((ECHOES / "cgi.sh").read_bytes())
    script.chmod(0o755)


def _is_plain(name: str) -> bool:
    return re.fullmatch("[a-z0-9-]+", name) is not None


def _pairs(pairs: Iterable[tuple[bytes, bytes]]) -> Fields:
    return tuple((name.decode("latin-1"), value.decode("latin-1").strip(" ")) for name, value in pairs)


DAEMONS: tuple[Origin, ...] = (Nginx(), Apache(), Haproxy(), Varnish(), TrafficServer(), H2o(), Lighttpd())
