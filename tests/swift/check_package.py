"""check_package.py ROOT [CLANG]: what can be said of client/swift without a Swift toolchain: its module map and header compile, the C names
that it uses are in client.h, the privacy manifest is a property list with what it must have, and Package.swift names folders that are there."""
import pathlib
import plistlib
import re
import subprocess
import tempfile
import sys

root = pathlib.Path(sys.argv[1])
swift = root / "client/swift"
header = (root / "client/include/fedspend/client.h").read_text()
declared = set(re.findall(r"\b(fedspend_\w+|FEDSPEND_[A-Z0-9_]+)\b", header))
failures = []

for source in sorted(swift.glob("**/*.swift")):
    text = re.sub(r"//.*", "", source.read_text())
    used = set(re.findall(r"\b(fedspend_\w+|FEDSPEND_[A-Z0-9_]+)\b", text))
    if not used and source.name != "Package.swift":
        failures.append(f"{source.name} uses no C name")
    failures += [f"{source.name}: {name} is not in client.h" for name in sorted(used - declared)]
    fields = set(re.findall(r"\b(?:table|given|row|report|now\.pointee)\.([a-z_]+)\b", text)) - {"pointee"}
    failures += [f"{source.name}: no field {name} in client.h" for name in sorted(fields) if not re.search(rf"\b{name}\b", header)]
    for opening, closing in ("()", "[]", "{}"):
        bare = re.sub(r'"(\\.|[^"\\])*"', '""', text)
        if bare.count(opening) != bare.count(closing):
            failures.append(f"{source.name}: {opening} and {closing} do not go together")

for path in re.findall(r'path: "([^"]+)"', (swift / "Package.swift").read_text()):
    if not path.endswith(".xcframework") and not (swift / path).is_dir():
        failures.append(f"Package.swift: no folder {path}")

manifest = plistlib.loads((swift / "Sources/Fedspend/PrivacyInfo.xcprivacy").read_bytes())
if manifest.get("NSPrivacyTracking") is not False or manifest.get("NSPrivacyTrackingDomains") != []:
    failures.append("the privacy manifest allows tracking")
for item in manifest["NSPrivacyCollectedDataTypes"]:
    if item["NSPrivacyCollectedDataTypeTracking"] is not False or not item["NSPrivacyCollectedDataTypePurposes"]:
        failures.append(f"the privacy manifest: {item}")
for item in manifest["NSPrivacyAccessedAPITypes"]:
    if not all(re.fullmatch(r"[0-9A-Z]{4}\.\d", reason) for reason in item["NSPrivacyAccessedAPITypeReasons"]):
        failures.append(f"the privacy manifest: {item}")

if len(sys.argv) > 2:  # the module as clang's importer, which is Swift's, would build it
    include = swift / "Sources/CFedspend/include"
    program = "@import CFedspend;\nstatic inline fedspend_status run(fedspend_device *d, fedspend_run_report *r) { return fedspend_run_once(d, r); }\n"
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run([sys.argv[2], "-x", "objective-c", "-fmodules", f"-fmodules-cache-path={cache}", "-fsyntax-only", "-Werror", f"-fmodule-map-file={include}/module.modulemap",
                               f"-I{include}", f"-I{root}/client/include", "-"], input=program, text=True, capture_output=True)
    if done.returncode != 0:
        failures.append(done.stderr)

print(*failures, sep="\n", end="\n" if failures else "")
sys.exit(1 if failures else 0)
