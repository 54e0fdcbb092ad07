# shellcheck shell=sh
# Makes the virtual environment that scripts/r1chat and scripts/test run in. Sourced by them.
#
# Callers set `here` (the folder of scripts, symbolic links resolved) first. Everything is said on
# stderr, so that a caller's stdout stays its own.

root=$(dirname "${here:?is set by the caller}")
venv=${R1CHAT_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
log=$venv.log
maintainers_wheels=https://abetlen.github.io/llama-cpp-python/whl/cpu
compile_cpu_s=200

say() { printf 'r1chat: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# What the environment was made from; where it differs from the stamp, it is brought up to date.
origin() {
    printf '%s in %s from %s' "$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum)" \
        "$venv" "$root"
}

is_ready() { # is_ready KIND
    [ -x "$venv/bin/python" ] && [ -f "$venv/.r1chat-$1" ] &&
        [ "$(cat "$venv/.r1chat-$1")" = "$(origin)" ]
}

# suits COMMAND: whether it is a Python that is new enough and can make an environment. Sets
# `python` to the program itself: the command may be a wrapper, which does not pass signals on.
suits() {
    python=$("$1" -c 'import sys; print(sys.executable); sys.exit(sys.version_info < (3, 10))' \
        2>/dev/null) || return 1
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
    crippled=$1
    return 1
}

pick_python() {
    crippled=
    if [ -n "${PYTHON:-}" ]; then
        suits "$PYTHON" && return
        [ -n "$crippled" ] || fail "PYTHON=$PYTHON is not a Python of 3.10 or newer."
    else
        for command in python3 python3.13 python3.12 python3.11 python3.10 python; do
            suits "$command" && return
        done
    fi
    if [ -n "$crippled" ]; then
        fail "$crippled cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv"
    fi
    fail "needs Python 3.10 or newer, and found none. Install one, or name it: PYTHON=/path/to/python3 $0"
}

# The lock belongs to descriptor 9, which every child inherits: it is free when all of them have
# ended, however they did. Python takes it, because macOS has no flock command.
lock() {
    if ! { mkdir -p "$(dirname "$venv")" && : >>"$venv.lock"; } 2>/dev/null; then
        fail "cannot write to $(dirname "$venv"); name another place: R1CHAT_VENV=DIR"
    fi
    exec 9>>"$venv.lock"
    flock='import fcntl, sys; fcntl.flock(9, fcntl.LOCK_EX | (fcntl.LOCK_NB if sys.argv[1:] else 0))'
    "$python" -c "$flock" now 2>/dev/null && return
    say "waiting for another run that is installing into the same environment ..."
    "$python" -c "$flock"
}

unlock() { exec 9>&-; }

elapsed() {
    seconds=$(($(date +%s) - $1))
    printf '%d:%02d' $((seconds / 60)) $((seconds % 60))
}

cores() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1; }

# in_minutes SECONDS: how long that is, in words.
in_minutes() {
    if [ "$1" -lt 90 ]; then
        printf 'a minute'
    else
        printf '%d minutes' $((($1 + 30) / 60))
    fi
}

is_compiling() {
    grep -q 'Building wheel for llama.cpp.python.*: started' "$log" &&
        ! grep -q 'Building wheel for llama.cpp.python.*: finished' "$log"
}

# phase WHAT: what is going on, with what will be ready when as long as llama.cpp is compiled.
phase() {
    if is_compiling; then
        processors=$(cores)
        left=$((compile_cpu_s / processors))
        # pip is verbose into the log, where the compilation counts its steps.
        steps=$(tail -n 200 "$log" | sed -n 's|^ *\[\([0-9]*/[0-9]*\)\] .*|\1|p' | tail -n 1)
        done=${steps%/*}
        # The first steps are no measure of the others.
        if [ -n "$steps" ] && [ "$done" -ge 10 ]; then
            left=$((($(date +%s) - compiling_since) * (${steps#*/} - done) / done))
        fi
        printf 'compiling llama.cpp (processors: %s)%s: r1chat is ready in about %s' \
            "$processors" "${steps:+, step $steps}" "$(in_minutes "$left")"
    else
        printf '%s' "$1"
    fi
}

stop_child() {
    kill -TERM "-$child" 2>/dev/null
    [ -t 2 ] && printf '\n' >&2
    say "stopped; the next run begins the installation again."
    trap - "$1"
    kill "-$1" "$$"
}

# try WHAT COMMAND...: runs a command with its output in the log, and shows that time passes.
try() {
    what=$1
    shift
    begun=$(date +%s)
    shown=
    compiling_since=
    # Its own process group, so that a compiler does not outlive the one who stops us.
    "$python" -c 'import os, sys; os.setpgrp(); os.execvp(sys.argv[1], sys.argv[1:])' \
        "$@" >>"$log" 2>&1 </dev/null &
    child=$!
    trap 'stop_child INT' INT
    trap 'stop_child TERM' TERM
    trap 'stop_child HUP' HUP
    while kill -0 "$child" 2>/dev/null; do
        [ -n "$compiling_since" ] || ! is_compiling || compiling_since=$(date +%s)
        now=$(phase "$what")
        if [ -t 2 ]; then
            printf '\r\033[Kr1chat: %s ... %s' "$now" "$(elapsed "$begun")" >&2
        elif [ "${now%%[,:]*}" != "$shown" ]; then
            say "$now ..."
            shown=${now%%[,:]*}
        fi
        sleep 1
    done
    wait "$child"
    status=$?
    trap - INT TERM HUP
    if [ -t 2 ]; then
        printf '\r\033[K' >&2
    fi
    [ "$status" -ne 0 ] || say "$what: done in $(elapsed "$begun")"
    return "$status"
}

attempt() { try "$@" || give_up "$1" "$status"; }

give_up() {
    say "$1: failed (exit status $2). The end of $log:"
    tail -n 25 "$log" | cut -c 1-200 | sed 's/^/    /' >&2
    if grep -qE 'CMAKE_CXX_COMPILER|CMAKE_C_COMPILER|No CMAKE_.*COMPILER|c\+\+: not found' "$log"; then
        say "A C++ compiler is missing. Debian, Ubuntu: sudo apt install build-essential;" \
            "Fedora: sudo dnf install gcc-c++; macOS: xcode-select --install"
    elif grep -q 'No space left on device' "$log"; then
        say "The disk is full: free about 2 GB, also where temporary files go (TMPDIR)."
    elif grep -qE 'Killed|signal 9|out of memory|cannot allocate memory' "$log"; then
        say "Memory ran out while compiling. Try one job at a time: CMAKE_BUILD_PARALLEL_LEVEL=1 $0"
    elif grep -qE 'NewConnectionError|NameResolutionError|ConnectTimeout|Max retries|No matching dist' "$log"; then
        say "A package could not be fetched: the first run needs the network."
    fi
    say "Then run the same command again."
    exit 1
}

pip() { # pip WHAT ARGUMENTS...
    doing=$1
    shift
    attempt "$doing" "$venv/bin/python" -m pip --no-input "$@"
}

# The range of llama-cpp-python that r1chat works with.
engine() { sed -n 's/^ *"\(llama-cpp-python[<>=][^"]*\)",$/\1/p' "$root/pyproject.toml" | head -n 1; }

# ready_made: installs llama-cpp-python as a compiled wheel where there is one for this machine.
# It takes nothing else from there, does not compile, and does not wait long for an answer.
# Sets `fetched` to where the wheel came from.
ready_made() {
    case $wheels in
        *://*) set -- --index-url "$wheels" --timeout 4 --retries 0 ;;
        *) set -- --no-index --find-links "$wheels" ;;
    esac
    report=$venv/engine.json
    if ! try "asking for a compiled llama.cpp" "$venv/bin/python" -m pip --no-input install \
        --no-deps --only-binary :all: --report "$report" "$@" "$(engine)" \
        ${constraints:+"$constraints"}; then
        say "none in $wheels for this machine; it is compiled here."
        return
    fi
    # Nothing is fetched where the environment has it already.
    fetched=$("$venv/bin/python" -c '
import json, sys
print(*(each["download_info"]["url"] for each in json.load(open(sys.argv[1]))["install"]))
' "$report")
    [ -z "$fetched" ] || say "llama.cpp comes compiled, from $fetched"
}

# compiled_here: has pip compile no more of llama.cpp than r1chat loads.
compiled_here() {
    only=$("$venv/bin/python" -c 'import shlex, sys; print(shlex.quote(sys.argv[1]))' \
        "-DCMAKE_PROJECT_llama.cpp_INCLUDE=$root/scripts/lib/only_llama.cmake")
    CMAKE_ARGS="$only${CMAKE_ARGS:+ $CMAKE_ARGS}"
    export CMAKE_ARGS
}

make_venv() {
    if [ -f "$venv/.r1chat" ] && ! { [ -x "$venv/bin/python" ] &&
        { [ -f "$venv/.r1chat-run" ] || [ -f "$venv/.r1chat-no-engine" ]; }; }; then
        say "the environment in $venv is not complete; making it again"
        rm -rf "$venv"
    fi
    if [ -x "$venv/bin/python" ]; then
        (suits "$venv/bin/python") ||
            fail "the environment in $venv cannot be used; remove it, or name another: R1CHAT_VENV=DIR"
        "$venv/bin/python" -c 'import pip' 2>/dev/null ||
            attempt "adding pip to $venv" "$venv/bin/python" -m ensurepip
        return
    fi
    if [ -e "$venv" ] && [ -n "$(ls -A "$venv" 2>/dev/null || echo file)" ]; then
        fail "$venv is in the way and is no virtual environment; name another place: R1CHAT_VENV=DIR"
    fi
    # The mark comes first: only what bears it is ever removed.
    if ! { mkdir -p "$venv" && : >"$venv/.r1chat"; } 2>/dev/null; then
        fail "cannot write to $venv; name another place: R1CHAT_VENV=DIR"
    fi
    attempt "making a virtual environment in $venv" "$python" -m venv "$venv"
}

# The versions that constraints.txt names are all that r1chat and its tests need.
without_engine() {
    rm -f "$venv/.r1chat-no-engine"
    grep -v '^llama-cpp-python==' "$root/constraints.txt" >"$venv/no-engine.txt"
    pip "updating pip" install --quiet --upgrade 'pip>=25.1'
    pip "installing the tools for tests" install --progress-bar=off -r "$venv/no-engine.txt"
    pip "installing r1chat" install --no-deps --editable "$root"
    origin >"$venv/.r1chat-no-engine"
}

# keep_bytecode: without compiled modules every start takes a second longer. Where none may lie
# beside the sources, they go into the environment, once that is there.
keep_bytecode() {
    [ -n "${PYTHONDONTWRITEBYTECODE:-}" ] || return 0
    unset PYTHONDONTWRITEBYTECODE
    PYTHONPYCACHEPREFIX=${PYTHONPYCACHEPREFIX:-$venv/bytecode}
    export PYTHONPYCACHEPREFIX
}

# prepare KIND: KIND is run; dev, for the tools of scripts/test too, in the versions that
# constraints.txt names; or no-engine, for these tools and all but llama.cpp.
prepare() {
    unset PYTHONHOME
    make_ready "$1"
    keep_bytecode
}

make_ready() {
    is_ready "$1" && return
    pick_python
    lock
    if is_ready "$1"; then # made by the run that we waited for
        unlock
        return
    fi
    # Inside a virtual environment a user-wide install is always an error.
    PIP_USER=0
    export PIP_USER
    : >"$log"
    constraints=
    # The tests run what is compiled here, unless told otherwise.
    wheels=${R1CHAT_WHEELS-}
    if [ "$1" = run ]; then
        wheels=${R1CHAT_WHEELS-$maintainers_wheels}
    else
        constraints=--constraint=$root/constraints.txt
    fi
    make_venv
    if [ "$1" = no-engine ]; then
        say "installing what the tests need, without llama.cpp, once."
        without_engine
        unlock
        return
    fi
    if ! is_ready run; then
        say "installing what r1chat needs, once. If llama.cpp has to be compiled, that takes about" \
            "$(in_minutes $((compile_cpu_s / $(cores))))."
        rm -f "$venv/.r1chat-run" "$venv/.r1chat-dev"
        # The first that writes the report in the form that is read here.
        pip "updating pip" install --quiet 'pip>=23.1'
        fetched=
        [ -z "$wheels" ] || ready_made
        compiled_here
        # Python compiles what it imports, which is a small part of all this.
        pip "installing r1chat" install --verbose --progress-bar=off --no-compile \
            --editable "$root" ${constraints:+"$constraints"}
        # A wheel may be made for another processor, which shows when it computes.
        if [ -n "$fetched" ] && ! try "trying the compiled llama.cpp" \
            "$venv/bin/python" -m r1chat.doctor.trial; then
            say "that llama.cpp does not run on this machine; it is compiled here."
            pip "compiling llama.cpp" install --verbose --progress-bar=off --force-reinstall \
                --no-deps --no-binary llama-cpp-python "$(engine)" ${constraints:+"$constraints"}
        fi
        origin >"$venv/.r1chat-run"
    fi
    if [ "$1" = dev ]; then
        cd "$root" || exit 1
        # The first that knows groups.
        pip "updating pip" install --quiet 'pip>=25.1'
        pip "installing the tools for tests" install --progress-bar=off --group dev "$constraints"
        origin >"$venv/.r1chat-dev"
    fi
    unlock
}
