"""abi_lines.py OLD NEW: two descriptions by abidw as lines (functions, and fields of structs with their offsets); what of the old is not
in the new, or was put elsewhere than at the end of a struct, is printed and ends with 1. What is new is printed.

abidiff's own suppression for members at the end (has_data_member_inserted_at) also lets members change places."""
import sys
import xml.etree.ElementTree as xml


class Description:
    def __init__(self, path):
        root = xml.parse(path).getroot()
        self.types = {e.get("id"): e for e in root.iter() if e.get("id")}
        self.symbols = {e.get("name") for e in root.iter("elf-symbol")}
        self.sizes, self.fields, self.functions = {}, {}, {}
        for e in root.iter("class-decl"):
            if e.get("is-declaration-only") == "yes" or not e.get("name").startswith("fedspend_"):
                continue
            self.sizes[e.get("name")] = int(e.get("size-in-bits"))
            for m in e.iter("data-member"):
                v = m.find("var-decl")
                key = f'{e.get("name")}.{v.get("name")}'
                self.fields[key] = (int(m.get("layout-offset-in-bits")), self.name_of(v.get("type-id")))
        for e in root.iter("function-decl"):
            if e.get("elf-symbol-id"):
                self.functions[e.get("name")] = self.signature(e)

    def signature(self, e):
        given = ", ".join(self.name_of(p.get("type-id")) for p in e.findall("parameter"))
        return f'{self.name_of(e.find("return").get("type-id"))} ({given})'

    def name_of(self, identity):
        e = self.types[identity]
        if e.tag == "pointer-type-def":
            return self.name_of(e.get("type-id")) + "*"
        if e.tag == "qualified-type-def":
            return ("const " if e.get("const") == "yes" else "") + self.name_of(e.get("type-id"))
        if e.tag == "function-type":
            return self.signature(e)
        if e.tag == "array-type-def":
            return f'{self.name_of(e.get("type-id"))}[{e.find("subrange").get("length")}]'
        if e.tag == "typedef-decl" and not e.get("name").startswith("fedspend_"):
            return e.get("name")
        if e.tag == "typedef-decl":  # its own name counts, and what it stands for
            under = self.types[e.get("type-id")]
            return e.get("name") if under.tag == "class-decl" else f'{e.get("name")}={self.name_of(e.get("type-id"))}'
        return e.get("name")


def breaks(old, new):
    yield from (f"gone: {name}" for name in sorted(old.symbols - new.symbols))
    for name, signature in old.functions.items():
        if name in new.functions and new.functions[name] != signature:
            yield f"{name}: was {signature}, is {new.functions[name]}"
    yield from (f"gone: struct {name}" for name in old.sizes if name not in new.sizes)
    yield from (f"smaller: struct {name}" for name, size in old.sizes.items() if new.sizes.get(name, size) < size)
    for name, field in old.fields.items():
        if new.fields.get(name) != field:
            now = new.fields.get(name)
            yield f"{name}: was {field[1]} at bit {field[0]}, is " + (f"{now[1]} at bit {now[0]}" if now else "gone")
    for name, field in new.fields.items():
        size = old.sizes.get(name.split(".")[0])
        if name not in old.fields and size is not None and field[0] < size:
            yield f"{name}: new, and not behind what was there (bit {field[0]}, end {size})"


old, new = Description(sys.argv[1]), Description(sys.argv[2])
if len(old.functions) < 20 or len(old.fields) < 40:
    sys.exit("the stored description is not one")
broken = list(breaks(old, new))
print(*broken, sep="\n", end="\n" if broken else "")
for name in sorted(new.symbols - old.symbols) + sorted(new.fields.keys() - old.fields.keys()):
    print("new:", name)
sys.exit(1 if broken else 0)
