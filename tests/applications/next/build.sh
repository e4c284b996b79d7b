#!/bin/sh
# build.sh: builds the small application of Next.js that a test runs, in target/next, from the versions of package-lock.json.
# It takes a minute of a core and 350 MB. Run again without a change, it does nothing; without npm it says so.
set -eu

own=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
to=$own/../../../target/next
command -v npm > /dev/null || { echo "next: no npm; its test says skipped"; exit 0; }
sum=$(cat "$own"/package*.json "$own"/app/*.js "$own"/app/*/*.js | sha256sum)
[ "$(cat "$to/built" 2> /dev/null)" = "$sum" ] && exit 0
mkdir -p "$to"
rm -rf "$to/app" "$to/.next" "$to/built"
cp -r "$own"/package*.json "$own/app" "$to"
cd "$to"
NEXT_TELEMETRY_DISABLED=1 && export NEXT_TELEMETRY_DISABLED
npm ci --no-audit --no-fund > build.log 2>&1 && timeout 900 npx next build >> build.log 2>&1 ||
    { echo "next: it does not build; its test says skipped; $to/build.log says why"; rm -rf .next; exit 0; }
echo "$sum" > built
