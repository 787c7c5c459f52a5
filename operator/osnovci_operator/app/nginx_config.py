"""The config of the nginx in front of an app, and how it is started. Pure.

The operator knows neither the cluster's DNS server nor its domain; a pod finds both in its
/etc/resolv.conf when it starts, so `@resolvers@`, `@domain@` and `@folder@` are filled in there.
"""

PORT = 8080
PROBE_PORT = 8081
READY = "/ready"
COOKIE = "server-affinity"
DRAINING = "draining"
"""The file in the pod's folder that tells nginx to ask clients to leave."""

START = """\
set -eu
resolvers= domain=
while read -r word first rest; do
    case "$word" in
        nameserver)
            case "$first" in *:*:*) first="[$first]" ;; esac
            resolvers="$resolvers $first" ;;
        search) domain="${first#*.svc.}" ;;
    esac
done < "$1"
printf '%s' "$NGINX_CONFIG" \\
    | sed "s/@resolvers@/$resolvers/; s/@domain@/$domain/; s|@folder@|$2|" > "$2/nginx.conf"
exec nginx -e stderr -c "$2/nginx.conf"
"""
"""A shell script: `$1` is the resolv.conf, `$2` the one folder that may be written to."""


def config(*, pods: str, namespace: str, sticky: bool, grace_seconds: int) -> str:
    """Write the config; `pods` is the headless Service of the app's ready pods."""
    affinity = f"\n        sticky cookie {COOKIE} path=/ httponly samesite=lax;" if sticky else ""
    return f"""\
daemon off;
pid @folder@/nginx.pid;
error_log stderr warn;
worker_processes 2;
worker_rlimit_nofile 16384;
# What is still open then, such as a WebSocket, is closed.
worker_shutdown_timeout {grace_seconds}s;

events {{
    worker_connections 4096;
}}

http {{
    access_log off;
    server_tokens off;
    client_body_temp_path @folder@/body;
    proxy_temp_path @folder@/proxy;
    fastcgi_temp_path @folder@/fastcgi;
    uwsgi_temp_path @folder@/uwsgi;
    scgi_temp_path @folder@/scgi;

    # So pods that come and go are followed within a second, and what the cluster's DNS caches.
    resolver@resolvers@ valid=1s;
    resolver_timeout 2s;

    upstream app {{
        zone app 256k;
        least_conn;{affinity}
        # The port of each pod comes with its name: a rollout may change it, or its way back.
        server {pods}.{namespace}.svc.@domain@ service=http resolve max_fails=3 fail_timeout=30s;
        keepalive 64;
        # Below what servers keep an idle connection: one that closes it meets no request.
        keepalive_timeout 1s;
    }}

    map $http_upgrade $its_connection {{
        "" "";
        default upgrade;
    }}

    # In front there may be an Ingress that ends TLS.
    map $http_x_forwarded_proto $its_proto {{
        https https;
        default $scheme;
    }}

    server {{
        listen {PORT};
        client_max_body_size 16m;
        client_header_timeout 15s;
        client_body_timeout 30s;
        send_timeout 30s;
        keepalive_timeout 65s;

        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $its_proto;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $its_connection;
        proxy_connect_timeout 2s;
        proxy_send_timeout 60s;
        proxy_read_timeout 60s;
        proxy_max_temp_file_size 0;
        # A pod that cannot be reached is passed over; a request that may have begun is not sent
        # twice, unless its method allows that, and a slow one never.
        proxy_next_upstream error timeout;
        proxy_next_upstream_tries 3;
        proxy_next_upstream_timeout 5s;

        # While the pod drains, every answer asks its client to connect anew, to another.
        error_page 418 = @draining;
        if (-f @folder@/{DRAINING}) {{
            return 418;
        }}
        location / {{
            proxy_pass http://app;
        }}
        location @draining {{
            keepalive_timeout 0;
            proxy_pass http://app;
        }}
    }}

    server {{
        listen {PROBE_PORT};
        location = {READY} {{
            return 200;
        }}
        location / {{
            return 404;
        }}
    }}
}}
"""
