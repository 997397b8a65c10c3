"""Write a Metaflow flow that is a chain of no-op steps; Metaflow reads its source, so each step stands in it."""

from __future__ import annotations


def flow_source(length: int) -> str:
    """Source of a flow of `length` steps, ``start`` and ``end`` among them."""
    names = ["start", *(f"s{index}" for index in range(length - 2)), "end"]
    lines = ["from metaflow import FlowSpec, step", "", "", "class Chain(FlowSpec):"]
    for name, follower in zip(names, [*names[1:], None], strict=True):
        lines += ["    @step", f"    def {name}(self):"]
        lines.append("        self.x = 0" if name == "start" else "        self.x += 1")
        if follower is not None:
            lines.append(f"        self.next(self.{follower})")
        lines.append("")
    lines += ["", 'if __name__ == "__main__":', "    Chain()", ""]
    return "\n".join(lines)
