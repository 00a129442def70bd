#!/usr/bin/env bash
# This version against the last release that passed, both on this machine. Options go to `matchday duel`, whose exit code
# it ends with.
#
# history/passed names the releases that passed, one a line; without it the newest tag v* before this commit counts.
# BASELINE_REF names another version, or "none": for a release that changes the scenario's people, say.
set -euo pipefail

nothing_to_compare() {
    echo "$1"
    [ -z "${GITHUB_STEP_SUMMARY:-}" ] || echo "$1" >> "$GITHUB_STEP_SUMMARY"
    exit 0
}

shallow=$(git rev-parse --is-shallow-repository) || exit 2
if [ "$shallow" = true ]; then
    echo "This clone knows no earlier release: fetch the whole history (fetch-depth: 0, GIT_DEPTH: 0)." >&2
    exit 2
fi
before=$(git tag --list 'v*' --merged HEAD --no-contains HEAD --sort=-version:refname --sort=-creatordate) || exit 2
passed=$(grep -Fxf history/passed 2> /dev/null <<< "$before" || true)
last=${BASELINE_REF:-${passed:-$before}}
last=${last%%$'\n'*}
[ "$last" != none ] || nothing_to_compare "No duel, as asked: BASELINE_REF is none."
[ -n "$last" ] || nothing_to_compare "No release before this one: there is nothing to compare with."

work=$(mktemp -d)
stop() {
    # shellcheck disable=SC2046  # several processes
    kill $(jobs -p) 2> /dev/null || true
    wait
    mkdir -p out
    cp "$work"/*.log out/ 2> /dev/null || true
    rm -rf "$work"
    git worktree prune
}
trap stop EXIT

echo "Against $last"
git worktree add --quiet --detach "$work/last" "$last" || exit 2
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
