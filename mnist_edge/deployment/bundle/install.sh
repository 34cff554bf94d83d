#!/bin/sh
# Install mnist-edge for the current user from the bundle around this file, without network or root.
#
#   ~/.local/share/mnist-edge/releases/   a virtual environment per installation
#   ~/.local/share/mnist-edge/current     a link to the release in use
#   ~/.local/bin/mnist-edge               a link through current
#
# A new release is built beside the one in use, tested and flushed to disk, and then put in use by
# one rename. If anything fails before that, or a kill comes at any point, the old release stays in
# use.
set -eu
# Settings of the user's shell for another Python must not affect this one; -I keeps it from
# importing files of the current folder.
unset CDPATH PYTHONPATH PYTHONHOME MNIST_EDGE_RUNTIME
export PIP_CONFIG_FILE=/dev/null

stop() {
    printf 'mnist-edge: %s\n' "$*" >&2
    exit 1
}

case "$*" in
'') ;;
-h | --help)
    echo 'Usage: sh install.sh'
    echo 'Install mnist-edge for the current user from the bundle around this file.'
    exit 0
    ;;
*)
    echo "mnist-edge: install.sh takes no arguments, found: $*" >&2
    exit 2
    ;;
esac

# Print the names in SHA256SUMS that begin with $1. None contains a space.
listed() {
    sed -n "s|^[0-9a-f]*  \($1.*\)\$|\1|p" SHA256SUMS
}

# Escape a path for a systemd unit, and for the replacement of a sed substitution.
for_unit() {
    printf '%s\n' "$1" | sed -e 's|%|%%|g' -e 's/[&|\\]/\\&/g'
}

# Succeed if one of the public keys in the file $1 signed SHA256SUMS.
is_signed_by() {
    split=$(mktemp -d)
    awk -v folder="$split" '/-----BEGIN PUBLIC KEY-----/ { n++ } n { print > (folder "/" n) }' "$1"
    status=1
    for key in "$split"/*; do
        if openssl pkeyutl -verify -rawin -pubin -inkey "$key" -in SHA256SUMS \
            -sigfile SHA256SUMS.sig >/dev/null 2>&1; then status=0; fi
    done
    rm -r "$split"
    return "$status"
}

# --- Check that the bundle is signed, where models have to be, and that it is complete.
cd "$(dirname "$0")"
[ "${HOME:-}" ] || stop "HOME is not set; set it to the folder to install into"
data=${XDG_DATA_HOME:-$HOME/.local/share}
store=${MNIST_EDGE_MODELS:-$data/mnist-edge/models}
[ -z "${MNIST_EDGE_MODELS:-}" ] || [ -d "$store" ] ||
    stop "MNIST_EDGE_MODELS names $store, which does not exist, so it is unknown which keys this" \
        "device trusts; create or mount it"
keys=$store/trusted.pem
if [ -e "$keys" ] || [ -L "$keys" ]; then
    [ -f "$keys" ] && [ -r "$keys" ] ||
        stop "cannot read the public keys in $keys, without which nothing is trusted"
    [ -f SHA256SUMS.sig ] || stop "this bundle is not signed, but $keys requires a signature;" \
        "make it with: mnist-edge bundle --sign"
    command -v openssl >/dev/null ||
        stop "openssl, which checks signatures, is not installed; install it with:" \
            "sudo apt install openssl"
    is_signed_by "$keys" ||
        stop "this bundle is not signed by any key in $keys, or was changed since;" \
            "get it from whoever signs for this device"
fi
copy_again='copy the archive again, and unpack it into an empty folder'
[ -f SHA256SUMS ] || stop "this bundle has no SHA256SUMS; $copy_again"
sha256sum --check --strict --quiet SHA256SUMS >&2 || stop "this bundle is damaged; $copy_again"
. ./target.sh
[ "$(listed '' | wc -l)" -eq "$FILES" ] ||
    stop "SHA256SUMS does not list all $FILES files; $copy_again"

# --- Check that the bundle is for this machine.
python=
for candidate in "python$PYTHON" python3; do
    found=$("$candidate" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>&1) || continue
    [ "$found" = "$PYTHON" ] || continue
    python=$candidate
    break
done
[ "$python" ] || stop "this bundle is for $TITLE, but Python $PYTHON is not installed here;" \
    "make a bundle for this system with: mnist-edge bundle --target"
machine=$("$python" -I -c 'import platform, struct; print(struct.calcsize("P") * 8, platform.machine())')
case " $KERNELS " in
*" ${machine#* } "*) [ "${machine% *}" = "$BITS" ] ;;
*) false ;;
esac || stop "this bundle is for $TITLE, but Python here has ${machine% *} bits on ${machine#* };" \
    "make a bundle for this machine with: mnist-edge bundle --target"
for module in $FROM_SYSTEM; do
    "$python" -I -c "import $module" 2>/dev/null ||
        stop "Python's $module is not installed, and PyPI has no wheel for it;" \
            "install it with: sudo apt install $APT"
done
[ "$(id -u)" -ne 0 ] || [ -z "${SUDO_USER:-}" ] ||
    stop "run this without sudo: it installs into your home folder"

# --- Prepare the folders; only one installation may run at a time.
home=$data/mnist-edge
launcher=$HOME/.local/bin/mnist-edge
mkdir -p "$home/releases" "$(dirname "$launcher")"
exec 9>"$home/install.lock"
flock --nonblock 9 || stop "another installation is running; wait for it to end"
if [ -e "$launcher" ] || [ -L "$launcher" ]; then
    [ "$(readlink "$launcher")" = "$home/current/bin/mnist-edge" ] ||
        stop "$launcher belongs to another installation; remove it and try again"
fi

# Remove releases other than the one in use, and what killed installations left.
in_use=$(readlink "$home/current") || true
for old in "$home"/releases/*; do
    [ "releases/${old##*/}" = "$in_use" ] || rm -rf "$old"
done

# --- Build a release beside the one in use.
trap 'exit 1' HUP INT TERM
release=$(mktemp -d "$home/releases/$VERSION-XXXXXX")
trap 'rm -rf "$release"' EXIT
unchanged='nothing was changed'
"$python" -I -m venv --without-pip ${FROM_SYSTEM:+--system-site-packages} "$release" ||
    stop "cannot make a virtual environment in $release; $unchanged"
# The lock has the hash of each wheel, so that no other is installed.
"$release/bin/python" "$(listed installer/)/pip" --isolated install --quiet --no-index \
    --no-cache-dir --disable-pip-version-check --find-links wheels --require-hashes \
    --no-compile --requirement device.lock ||
    stop "pip could not install the wheels; $unchanged"
# numpy is a thousand modules, half of them tests, and takes a small board minutes to compile. The
# self-test compiles those that are imported; a service, which may not write here, needs the rest.
"$release/bin/python" -I -m compileall -q -x /numpy/ "$release/lib" >/dev/null || true
cp digit.png "$release/digit.png"
user=$(id -un 2>/dev/null) || user=$(id -u)
for unit in $(listed 'mnist-edge-.*[.]service'); do
    sed -e "s|@USER@|$user|g" -e "s|@DATA@|$(for_unit "$data")|g" \
        -e "s|@FOLDER@|$(for_unit "$HOME/digits")|g" \
        -e "s|@PROGRAM@|$(for_unit "$home/current/bin/mnist-edge")|g" "$unit" >"$release/$unit"
done

# --- Test that it reads pictures here, without the models that the user installed.
(
    export MNIST_EDGE_MODELS="$release/no-models"
    "$release/bin/mnist-edge" model verify >&2 &&
        "$release/bin/mnist-edge" predict "$release/digit.png" | grep -q ': 7 ('
) || {
    "$release/bin/mnist-edge" doctor >&2 || true
    stop "the self-test failed for the reason above; $unchanged"
}

# --- Put the release in use. It is on disk before, so a power failure is like a kill.
sync -f "$release"
[ -L "$launcher" ] || ln -s "$home/current/bin/mnist-edge" "$launcher"
rm -f "$home/current.new"
ln -s "releases/${release##*/}" "$home/current.new"
mv -T "$home/current.new" "$home/current"
trap - EXIT
sync -f "$home"

# --- Install the models of the bundle, each checked and put in use in the same way.
for model in $(listed 'models/.*[.]tflite'); do
    "$launcher" model install "$model" ||
        stop "mnist-edge is installed, but not $model; the model in use was not changed"
done

case ":$PATH:" in
*":$HOME/.local/bin:"*) typed=mnist-edge ;;
*) typed=$launcher ;;
esac
cat <<END
mnist-edge $VERSION is installed. Read a picture:
  $typed predict $home/current/digit.png
Check this board: $typed doctor
To read each picture that arrives in $HOME/digits/inbox, also after a restart:
  mkdir -p $HOME/digits/inbox
  sudo cp $home/current/mnist-edge-watch.service /etc/systemd/system
  sudo systemctl enable --now mnist-edge-watch
END
[ ! -f mnist-edge-camera.service ] || cat <<END
To read the display that a camera looks at, also after a restart:
  mkdir -p $HOME/digits
  $typed watch --init --config $HOME/digits/watch.toml --camera rpicam
  sudo cp $home/current/mnist-edge-camera.service /etc/systemd/system
  sudo systemctl enable --now mnist-edge-camera
END
[ ! -f mnist-edge-serve.service ] || cat <<END
To serve a page to draw on, and an API, also after a restart:
  mkdir -p $HOME/digits
  sudo cp $home/current/mnist-edge-serve.service /etc/systemd/system
  sudo systemctl enable --now mnist-edge-serve
  journalctl --unit mnist-edge-serve --output cat
The last prints the link, with the token that opens it; the token stays in $HOME/digits/token.txt.
END
