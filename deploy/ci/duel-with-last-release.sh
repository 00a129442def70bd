#!/usr/bin/env bash
# This version against the last release, both on this machine. Options go to `matchday duel`, whose exit code it ends with.
set -euo pipefail

last=$(git describe --tags --match 'v*' --abbrev=0 HEAD^ 2> /dev/null) || {
    echo "No release before this one: there is nothing to compare with."
    exit 0
}
work=$(mktemp -d)
stop() {
    # shellcheck disable=SC2046  # several processes
    kill $(jobs -p) 2> /dev/null || true
    wait
    rm -rf "$work"
    git worktree prune
}
trap stop EXIT

git worktree add --quiet --detach "$work/last" "$last"
make -C "$work/last" install
# The stack files hold the secret of the test sender: they are not among what is kept.
for side in last this; do
    (
        [ "$side" = this ] || cd "$work/last"
        exec .venv/bin/matchday up --stack-file "$work/$side.json"
    ) > "$work/$side.log" 2>&1 &
done
for side in last this; do
    until [ -s "$work/$side.json" ]; do
        [ "$(jobs -pr | wc -l)" -eq 2 ] || { cat "$work"/*.log; exit 2; }
        sleep 1
    done
done
.venv/bin/matchday duel --baseline "$work/last.json" --candidate "$work/this.json" "$@"
