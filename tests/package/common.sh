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
# shellcheck source=tests/support/checks.sh
. "$package_tests/../support/checks.sh"

package_build=${SHMFS_BUILDDIR:-$package_tests/../../build}

fails()
{
	! "$@"
}

# PACKAGE and NEWER, which differ in nothing but the version. Called in the
# fresh root.
package_copy()
{
	local tree=$ROOT/root/newer

	PACKAGE=/root/shmfs.deb NEWER=/root/newer.deb SIDE=$ROOT
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
	exit $((shmfs_failed != 0))
}
