# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What apt knows of where this machine's packages come from. Sourced, never
# run; plain sh.

# The archives that apt gets the distribution itself from, one a line.
# Without lists too: update --print-uris asks nobody.
mirrors() {
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	apt-get update --print-uris 2>/dev/null |
		sed -n "s,^'\([^']*\)/dists/$codename/.*,\1,p" | sort -u
}
