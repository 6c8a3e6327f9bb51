#!/bin/sh
# Becomes the process of a container: builds its root directory in a new mount namespace, drops all capabilities, and runs
# the command with exec. Run by `unshare --mount --pid --fork` as root.
#
#   container-root.sh ROOT NODE MOUNTS SETPRIV_OPTIONS DATA_LIMIT WORKDIR COMMAND…
#
# ROOT is an empty directory. From the machine it gets what the base image would contain: the C library and Node, but no
# shell. MOUNTS is a file with one mount per line: `bind SOURCE TARGET` (read-only) or `tmpfs SIZE TARGET`; `ro` as the last
# line makes the root itself read-only.
set -eu
root=$1 node=$2 mounts=$3 setpriv_options=$4 data_limit=$5 workdir=$6
shift 6

mount --bind "$root" "$root"
mkdir -p "$root/usr/lib" "$root/usr/local/bin" "$root/proc" "$root/dev" "$root/etc" "$root/.start"
mount --bind -o ro /usr/lib "$root/usr/lib"
for name in lib lib64; do
  if [ -L "/$name" ]; then
    ln -s "$(readlink "/$name")" "$root/$name"
  elif [ -d "/$name" ]; then
    mkdir -p "$root/$name"
    mount --bind -o ro "/$name" "$root/$name"
  fi
done
if [ -d /usr/lib64 ]; then
  mkdir -p "$root/usr/lib64"
  mount --bind -o ro /usr/lib64 "$root/usr/lib64"
fi
touch "$root/usr/local/bin/node" "$root/.start/setpriv" "$root/.start/env"
mount --bind -o ro "$node" "$root/usr/local/bin/node"
for name in setpriv env; do mount --bind -o ro "$(command -v $name)" "$root/.start/$name"; done
cp /etc/nsswitch.conf /etc/hosts "$root/etc/" 2>/dev/null || true
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755,nosuid,size=64k tmpfs "$root/dev"
for name in null zero random urandom; do
  touch "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mount -o remount,ro "$root/dev"

while read -r kind what target; do
  case $kind in
    bind)
      if [ -d "$what" ]; then mkdir -p "$root$target"; else mkdir -p "$(dirname "$root$target")" && touch "$root$target"; fi
      mount --bind -o ro "$what" "$root$target"
      ;;
    tmpfs)
      mkdir -p "$root$target"
      mount -t tmpfs -o "mode=1777,nosuid,nodev,size=$what" tmpfs "$root$target"
      ;;
    ro) mount -o remount,bind,ro "$root" ;;
  esac
done <"$mounts"

cd /
# The options must be split into words.
# shellcheck disable=SC2086
exec prlimit --data="$data_limit" --core=0 \
  chroot "$root" /.start/setpriv $setpriv_options /.start/env --chdir="$workdir" "$@"
