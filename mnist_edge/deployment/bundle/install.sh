#!/bin/sh
# Installs mnist-edge for this user from the bundle that this file is in; no network, no root.
#
#   ~/.local/share/mnist-edge/releases/   a virtual environment for each installation
#   ~/.local/share/mnist-edge/current     a link to the one in use: replacing it is the switch
#   ~/.local/bin/mnist-edge               a link through that one
#
# A release is built beside the one in use, tried, on the disk, and then switched to by one rename.
# Whatever fails before, or a kill at any instant, leaves the one in use that was.
set -eu
# What the user's shell has set for another Python must not reach this one.
unset CDPATH PYTHONPATH PYTHONHOME MNIST_EDGE_RUNTIME
export PIP_CONFIG_FILE=/dev/null

stop() {
    printf 'mnist-edge: %s\n' "$*" >&2
    exit 1
}

# The names in SHA256SUMS that begin with $1. None has a space.
listed() {
    sed -n "s|^[0-9a-f]*  \($1.*\)\$|\1|p" SHA256SUMS
}

# A path as a systemd unit has it, as the right side of a substitution by sed.
for_unit() {
    printf '%s\n' "$1" | sed -e 's|%|%%|g' -e 's/[&|\\]/\\&/g'
}

# --- Is the bundle whole?
cd "$(dirname "$0")"
whole='copy the archive again, and unpack it into an empty folder'
[ -f SHA256SUMS ] || stop "this bundle has no SHA256SUMS: $whole"
sha256sum --check --strict --quiet SHA256SUMS >&2 || stop "this bundle is damaged: $whole"
. ./target.sh
[ "$(listed '' | wc -l)" -eq "$FILES" ] || stop "SHA256SUMS has not all of $FILES files: $whole"

# --- Is this the machine that it is for?
python=
for candidate in "python$PYTHON" python3; do
    found=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>&1) || continue
    [ "$found" = "$PYTHON" ] || continue
    python=$candidate
    break
done
[ "$python" ] || stop "this bundle is for $TITLE; here is no Python $PYTHON:" \
    "make one for this system: mnist-edge bundle --target"
machine=$("$python" -c 'import platform, struct; print(struct.calcsize("P") * 8, platform.machine())')
case " $KERNELS " in
*" ${machine#* } "*) [ "${machine% *}" = "$BITS" ] ;;
*) false ;;
esac || stop "this bundle is for $TITLE; here Python has ${machine% *} bits on ${machine#* }:" \
    "make one for this machine: mnist-edge bundle --target"
for module in $FROM_SYSTEM; do
    "$python" -c "import $module" 2>/dev/null ||
        stop "Python's $module is not here, and no wheel of it exists: sudo apt install $APT"
done
[ "$(id -u)" -ne 0 ] || [ -z "${SUDO_USER:-}" ] ||
    stop "run this without sudo: it installs into your own home"
[ "${HOME:-}" ] || stop "HOME is not set: name by it the folder to install into"

# --- Where everything goes; one installation at a time.
data=${XDG_DATA_HOME:-$HOME/.local/share}
home=$data/mnist-edge
launcher=$HOME/.local/bin/mnist-edge
mkdir -p "$home/releases" "$(dirname "$launcher")"
exec 9>"$home/install.lock"
flock --nonblock 9 || stop "another installation is running; wait until it has ended"
if [ -e "$launcher" ] || [ -L "$launcher" ]; then
    [ "$(readlink "$launcher")" = "$home/current/bin/mnist-edge" ] ||
        stop "$launcher is another installation's; remove it, then run this again"
fi

# What was in use before the last installation, and what killed ones left.
in_use=$(readlink "$home/current") || true
for old in "$home"/releases/*; do
    [ "releases/${old##*/}" = "$in_use" ] || rm -rf "$old"
done

# --- A release beside the one in use.
trap 'exit 1' HUP INT TERM
release=$(mktemp -d "$home/releases/$VERSION-XXXXXX")
trap 'rm -rf "$release"' EXIT
kept='nothing was changed'
"$python" -m venv --without-pip ${FROM_SYSTEM:+--system-site-packages} "$release" ||
    stop "cannot make a virtual environment in $release; $kept"
# Named one by one, so that nothing is installed but what was checked.
# shellcheck disable=SC2046
"$release/bin/python" "$(listed installer/)/pip" --isolated install --quiet --no-index \
    --no-cache-dir --disable-pip-version-check $(listed wheels/) ||
    stop "pip could not install the wheels; $kept"
cp digit.png "$release/digit.png"
user=$(id -un 2>/dev/null) || user=$(id -u)
sed -e "s|@USER@|$user|g" -e "s|@DATA@|$(for_unit "$data")|g" \
    -e "s|@FOLDER@|$(for_unit "$HOME/digits")|g" \
    -e "s|@PROGRAM@|$(for_unit "$home/current/bin/mnist-edge")|g" \
    mnist-edge-watch.service >"$release/mnist-edge-watch.service"

# --- Does it read pictures here? The models that the user installed take no part.
(
    export MNIST_EDGE_MODELS="$release/no-models"
    "$release/bin/mnist-edge" model verify >&2 &&
        "$release/bin/mnist-edge" predict "$release/digit.png" | grep -q ': 7 ('
) || {
    "$release/bin/mnist-edge" doctor >&2 || true
    stop "the self-test failed, the reason is above; $kept"
}

# --- The switch. Every byte is on the disk before, so that a loss of power is but another kill.
sync -f "$release"
[ -L "$launcher" ] || ln -s "$home/current/bin/mnist-edge" "$launcher"
rm -f "$home/current.new"
ln -s "releases/${release##*/}" "$home/current.new"
mv -T "$home/current.new" "$home/current"
trap - EXIT
sync -f "$home"

# --- Models of the bundle, each checked and switched to in the same way.
for model in $(listed 'models/.*[.]tflite'); do
    "$launcher" model install "$model" ||
        stop "mnist-edge is installed, but not $model; the model in use is the one that was"
done

case ":$PATH:" in
*":$HOME/.local/bin:"*) typed=mnist-edge ;;
*) typed=$launcher ;;
esac
cat <<END
mnist-edge $VERSION is installed. Read a picture:
  $typed predict $home/current/digit.png
Whether this board is sound: $typed doctor
To read each picture that arrives in $HOME/digits, from every start on:
  mkdir -p $HOME/digits/inbox
  sudo cp $home/current/mnist-edge-watch.service /etc/systemd/system
  sudo systemctl enable --now mnist-edge-watch
END
