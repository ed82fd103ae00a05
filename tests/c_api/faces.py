"""faces.py ROOT FACE: every function of client.h is called in the sources of client/FACE, or stands in client/FACE/not_wrapped.txt ("name: why"),
and not in both; what that list names is in the header."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
face = root / "client" / sys.argv[2]
header = re.sub(r"/\*.*?\*/", "", (root / "client/include/fedspend/client.h").read_text(), flags=re.S)
declared = set(re.findall(r"^FEDSPEND_API\b[^;(]*?\b(fedspend_\w+)\(", header, flags=re.M))
failures = [] if len(declared) > 30 else [f"only {len(declared)} functions found in client.h"]

called = set()
for source in face.glob("**/*"):
    if "Tests" not in source.parts and source.suffix in (".cpp", ".h", ".swift"):
        called |= set(re.findall(r"\b(fedspend_\w+)\(", re.sub(r"//.*", "", source.read_text())))

listed = {}
for number, line in enumerate((face / "not_wrapped.txt").read_text().splitlines(), 1):
    name, colon, why = line.partition(": ")
    if not colon or len(why.split()) < 3:
        failures.append(f"not_wrapped.txt:{number}: not 'name: why'")
    listed[name] = why

failures += [f"{name} is neither called in client/{sys.argv[2]} nor in its not_wrapped.txt" for name in sorted(declared - called - set(listed))]
failures += [f"{name} is called, and in not_wrapped.txt" for name in sorted(called & set(listed))]
failures += [f"not_wrapped.txt: {name} is not in client.h" for name in sorted(set(listed) - declared)]
print(*failures, sep="\n", end="\n" if failures else "")
sys.exit(1 if failures else 0)
