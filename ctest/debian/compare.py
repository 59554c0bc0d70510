"""Compares two answers files of the same_answers program, line by line.

    compare.py same REAL OURS
        every line has to be equal
    compare.py alone REAL OURS FUNCTIONS_IN DELIBERATE
        for the library without a real one: lines of functions that FUNCTIONS_IN
        forwards have to say miopenStatusNotImplemented; of the others, a line may
        differ only where DELIBERATE says so

DELIBERATE has one difference a line, four fields separated by tabs: call, the
real library's answer, ours, why. The first three are patterns with * and ?. To
a getter "of the last one" belongs the call before it that set the object:
"getter(of the last one) after setter(arguments)". Its line "# made for: VERSION"
names the real library that it describes: against another one, other
differences are shown, and the exit status is 77 (skipped).
"""

import fnmatch
import re
import sys
from collections import Counter
from pathlib import Path

NOT_IMPLEMENTED = 6
SKIPPED = 77
LINE = re.compile(r"(?P<call>(?P<function>\w+)\(.*\)) -> (?P<answer>(?P<status>-?\d+).*)")
SHOWN = 40


def read_pairs(real_path, ours_path):
    """Lines that belong together; both files name the same calls in the same order."""
    real = Path(real_path).read_text(encoding="utf-8").splitlines()
    ours = Path(ours_path).read_text(encoding="utf-8").splitlines()
    if not real or real[0] != "# handle" or len(real) < 1000:
        sys.exit(f"{real_path}: only {len(real)} lines, the program did not get far")
    for number, (left, right) in enumerate(zip(real, ours), start=1):
        if left.partition(" -> ")[0] != right.partition(" -> ")[0]:
            sys.exit(f"line {number} is about two calls:\n  {left}\n  {right}")
        yield left, right
    if len(real) != len(ours):
        sys.exit(f"{real_path} has {len(real)} lines, {ours_path} {len(ours)}")


def compare_same(real_path, ours_path):
    pairs = list(read_pairs(real_path, ours_path))
    different = [(left, right) for left, right in pairs if left != right]
    for left, right in different[:SHOWN]:
        print(f"real: {left}\nours: {right}")
    print(f"{len(pairs)} lines, {len(different)} different")
    return not different


# Policies of functions that only a real library serves.
NOT_OURS = ("forward", "watch")


def read_policies(path):
    """Function -> policy, from src/abi/functions.in."""
    lines = (line.partition("#")[0].split() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return {words[0]: words[1] for words in lines if words}


def read_deliberate(path):
    """The version of the real library that the file was made for, and its entries."""
    entries, made_for = [], None
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("# made for: "):
            made_for = line.partition(": ")[2]
        elif line and not line.startswith("#"):
            fields = line.split("\t")
            if len(fields) != 4 or not fields[3]:
                sys.exit(f"{path}:{number}: needs call, real answer, our answer and why")
            entries.append(tuple(fields))
    return made_for, entries


def matches(text, pattern):
    # fnmatch takes brackets for sets of characters; here they are none.
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def compare_alone(real_path, ours_path, functions_path, deliberate_path):
    policies = read_policies(functions_path)
    made_for, deliberate = read_deliberate(deliberate_path)
    used, refused, equal, unexpected = Counter(), 0, 0, []
    setter = version = ""
    for left, right in read_pairs(real_path, ours_path):
        real, ours = LINE.fullmatch(left), LINE.fullmatch(right)
        if real is None or ours is None:
            if left != right:
                unexpected.append((left, right))
            continue
        call = ours["call"]
        if call == "miopenGetVersion()":
            version = real["answer"].partition(" ")[2]
        if "(of the last one" in call:
            call = f"{call} after {setter}"
        else:
            setter = call
        if policies[setter.partition("(")[0]] in NOT_OURS and setter != call:
            continue  # tells what a call left behind that is not made here
        if policies[ours["function"]] in NOT_OURS:
            if int(ours["status"]) == NOT_IMPLEMENTED:
                refused += 1
            else:
                unexpected.append((left, right))
        elif left == right:
            equal += 1
        else:
            entry = next((e for e in deliberate if matches(call, e[0]) and matches(real["answer"], e[1])
                          and matches(ours["answer"], e[2])), None)
            if entry is None:
                unexpected.append((left, f"{right}  [{call}]" if call != ours["call"] else right))
            else:
                used[entry] += 1
    for entry in deliberate:
        print(f"deliberate, {used[entry]:4} times: {entry[0]}: {entry[3]}")
    for left, right in unexpected[:SHOWN]:
        print(f"real: {left}\nours: {right}")
    print(f"{equal} lines equal, {refused} not implemented without a real library, "
          f"{sum(used.values())} deliberately different, {len(unexpected)} unexpected")
    stale = [entry for entry in deliberate if not used[entry]]
    if (unexpected or stale) and version != made_for:
        print(f"skipped: the list of differences was made for {made_for}, the real library is {version}")
        sys.exit(SKIPPED)
    if stale:
        print(f"{len(stale)} deliberate differences do not occur: {deliberate_path} is out of date")
    return not unexpected and not stale


def main():
    mode, *paths = sys.argv[1:]
    compare = {"same": compare_same, "alone": compare_alone}[mode]
    sys.exit(0 if compare(*paths) else 1)


main()
