#!/bin/sh
# shell.sh - shellcheck of every script, by name or by first line.
set -u
git ls-files --cached --others --exclude-standard | while IFS= read -r f; do
    case ${f##*/} in
    *.sh | *.sbatch) echo "$f" ;;
    *.*) ;;
    *) head -n 1 "$f" 2>/dev/null | grep -aqE '^#!.*[/ ](sh|bash)$' && echo "$f" ;;
    esac
done | xargs shellcheck
