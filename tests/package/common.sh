# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the tests of the package share. They run as root, with the package in
# build/package (scripts/package), and print a line for each thing they see.
#
#   ROOT     a fresh Debian (debian_root.sh)
#   PACKAGE  the package in it, as a path there; NEWER is one version above

package_tests=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source=tests/support/debian_root.sh
. "$package_tests/../support/debian_root.sh"

package_failed=0
package_build=${SHMFS_BUILDDIR:-$package_tests/../../build}

# check NAME COMMAND...: the command succeeds.
check()
{
	local name=$1 status=0

	shift
	set +e # so that -e holds in the command
	(
		set -e
		"$@"
	) >"$ROOT/.out" 2>&1 </dev/null
	status=$?
	set -e
	if [ "$status" = 0 ]; then
		printf 'ok - %s\n' "$name"
		return
	fi
	printf 'not ok - %s: exit status %s\n' "$name" "$status"
	tail -n 30 "$ROOT/.out" | sed 's/^/# /'
	package_failed=$((package_failed + 1))
}

fails()
{
	! "$@"
}

# wait_for SECONDS COMMAND...: until it succeeds; fails after the deadline.
wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >"$ROOT/.wait" 2>&1; do
		[ "$SECONDS" -le "$end" ] || return 1
		sleep 0.05
	done
}

# PACKAGE and NEWER, which differ in nothing but the version. Called in the
# fresh root.
package_copy()
{
	local tree=$ROOT/root/newer

	PACKAGE=/root/shmfs.deb NEWER=/root/newer.deb
	cp "$package_build"/package/shmfs_*.deb "$ROOT$PACKAGE"
	dpkg-deb -R "$ROOT$PACKAGE" "$tree"
	sed -i 's/^Version: .*/&.1/' "$tree/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$tree" "$ROOT$NEWER" >"$ROOT/.out"
	rm -r "$tree"
}

# install_package FILE, with what it depends on
install_package()
{
	in_root apt-get -q -y --no-install-recommends install "$1"
}

# All that is in the root, but for logs and caches, and what apt and dpkg
# themselves know.
list_root()
{
	find "$ROOT" -xdev \( -path "$ROOT/root" -o -path "$ROOT/tmp" \
		-o -path "$ROOT/.*" -o -path "$ROOT/run" \
		-o -path "$ROOT/var/log" \
		-o -path "$ROOT/var/cache" -o -path "$ROOT/var/lib/apt" \
		-o -path "$ROOT/var/lib/dpkg" -o -path "$ROOT/var/lib/systemd" \
		\) -prune -o -printf '%y %m %u %P %l\n' | sort
}

# pid of the daemon that serves mountpoint $1
daemon_of()
{
	pgrep -f "^[^ ]*(shmfs|mount\\.[a-z.]*shmfs) .*$1( |\$)"
}

# The test's last line.
finish()
{
	exit $((package_failed != 0))
}
