#!/bin/sh
# An echo for servers that speak CGI (RFC 3875): the environment, one more NUL, the body.
said() {
    env -0
    printf '\0'
    cat
}
printf 'Content-Type: application/octet-stream\n'
if [ "$REQUEST_METHOD" = HEAD ]; then
    printf 'X-Saw: %s\n\n' "$(said | base64 -w 0)"
else
    printf '\n'
    said
fi
