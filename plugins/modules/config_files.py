#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the files of one daemon, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Write the files of one daemon in one call, each checked before it replaces the old one
version_added: 0.1.0
description:
  - Writes files and creates directories, in the order of the list. M(ansible.builtin.template) takes three round
    trips for each file; this module takes one for all of them.
  - A file with O(files[].validate) is checked by that command before it replaces the old one. If the command rejects
    it, the old file stays, the files after it in the list are not touched, and the module fails with the command's
    output.
  - A file is replaced atomically, and is never readable by more users than its O(files[].mode) allows.
  - With O(files[].only) a directory holds what it should and nothing else, so that no secret outlives its use.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
options:
  files:
    description: Files and directories.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Path on the host.
        type: path
        required: true
      content:
        description:
          - The whole content of the file. Without it and O(files[].secret_content), a directory is created.
        type: str
      secret_content:
        description: The whole content of a secret file, such as a private key. It appears in no diff.
        type: str
      secret_pattern:
        description:
          - Regular expression with a group, by lines. What the group matches, in the file as it is and as it will be,
            is masked in diffs and messages; the rest is shown.
        type: str
      only:
        description:
          - For a directory, the names of what it may contain. Other files and links in it are removed; directories in
            it are left alone. A diff shows the names of what is removed, but no content.
        type: list
        elements: str
      owner:
        description: Name of the owner.
        type: str
        default: root
      group:
        description: Name of the group.
        type: str
        default: root
      mode:
        description: Permissions, in octal.
        type: str
        required: true
      validate:
        description: Command that must accept the file, with C(%s) for its temporary path.
        type: str
      validate_errors:
        description:
          - Regular expression of a line with which O(files[].validate) rejects the file, whatever its exit code. Some
            commands report an error and return 0.
        type: str
notes:
  - In check mode nothing is written and no command is run.
  - The module's parameters are not written to the host's journal, because the files may hold secrets.
seealso:
  - module: ansible.builtin.template
"""

EXAMPLES = r"""
- name: Configure HAProxy
  multitier.loadbalancer.config_files:
    files:
      - path: /etc/haproxy/certificates
        mode: "0700"
      - path: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
        group: haproxy
        mode: "0640"
        validate: haproxy -c -f %s

- name: Remove keys that are no longer in use
  multitier.loadbalancer.config_files:
    files:
      - path: /etc/haproxy/certificates
        mode: "0700"
        only: [www.pem]

- name: Configure FRR without showing the password
  multitier.loadbalancer.config_files:
    files:
      - path: /etc/frr/frr.conf
        content: "{{ lookup('ansible.builtin.template', 'frr.conf.j2') }}"
        owner: frr
        group: frr
        mode: "0640"
        secret_pattern: "^ neighbor [^ ]+ password (.*)$"
        validate: vtysh -C -f %s
        validate_errors: "^line [0-9]+: "
"""

RETURN = r"""
changed_paths:
  description: Files and directories that were (or, in check mode, would be) changed or removed.
  returned: success
  type: list
  elements: str
  sample: [/etc/haproxy/haproxy.cfg]
"""

import errno
import os
import re
import shlex
from typing import Any

from ansible.module_utils.basic import AnsibleModule

Entry = dict[str, Any]


def read(path: str) -> str | None:
    """Content of a file; None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None


def content_diff(entry: Entry, before: str | None) -> dict[str, Any]:
    """What Ansible shows of a changed content."""
    shown = {"before": before or "", "after": wanted_content(entry)}
    if entry["secret_content"] is not None:
        shown = {"before": "", "after": "(its content is secret)\n"}
    return {"before_header": entry["path"], "after_header": entry["path"], **shown}


def wanted_content(entry: Entry) -> str | None:
    """Content of a file, None for a directory."""
    content: str | None = entry["content"] if entry["secret_content"] is None else entry["secret_content"]
    return content


def hide(module: AnsibleModule, entry: Entry, *texts: str | None) -> None:
    """Have Ansible mask what the entry's pattern finds in these texts, in whatever the module says from now on."""
    if entry["secret_pattern"]:
        for text in texts:
            for match in re.finditer(entry["secret_pattern"], text or "", re.MULTILINE):
                module.no_log_values.update(filter(None, match.groups()))


def replace(module: AnsibleModule, entry: Entry, content: str, done: list[str]) -> None:
    """Put a file in its place once its command accepts it."""
    staged = os.path.join(module.tmpdir, os.path.basename(entry["path"]))
    with open(staged, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(content)
    if entry["validate"]:
        command = [word.replace("%s", staged) for word in shlex.split(entry["validate"])]
        return_code, output, errors = module.run_command(command)
        pattern = entry["validate_errors"]
        if return_code or (pattern and re.search(pattern, f"{output}\n{errors}", re.MULTILINE)):
            said = " ".join(text.strip() for text in (output, errors) if text.strip()) or "nothing"
            module.fail_json(
                msg=f"{entry['path']} stays as it is: '{entry['validate']}' refuses the new one with {return_code} and "
                f"says: {said}",
                changed=bool(done),
                changed_paths=done,
            )
    if not os.path.isdir(os.path.dirname(entry["path"])):
        raise FileNotFoundError(errno.ENOENT, f"there is no directory {os.path.dirname(entry['path'])}")
    module.atomic_move(staged, entry["path"])


def attributes_differ(module: AnsibleModule, entry: Entry, diff: dict[str, Any]) -> bool:
    """Give a path that is there its owner, group and mode; whether something differed."""
    wanted = {"path": entry["path"], "owner": entry["owner"], "group": entry["group"], "mode": entry["mode"]}
    wanted.update(attributes=None, secontext=[None, None, None])
    return bool(module.set_fs_attributes_if_different(wanted, False, diff))


def apply(module: AnsibleModule, entry: Entry, done: list[str]) -> list[dict[str, Any]]:
    """Make one path what it should be; returns what differed, empty where nothing did. `done` is for the message."""
    path, content = entry["path"], wanted_content(entry)
    if content is not None and os.path.isdir(path):
        module.fail_json(msg=f"{path} is a directory, must be a file", changed=bool(done), changed_paths=done)
    diffs = []
    is_new = not os.path.exists(path)
    if content is None:
        if not os.path.isdir(path):
            diffs.append({"before_header": path, "after_header": path, "before": "", "after": "(a directory)\n"})
            if not module.check_mode:
                os.mkdir(path)
    else:
        before = read(path)
        hide(module, entry, before, content)
        if before != content:
            diffs.append(content_diff(entry, before))
            if not module.check_mode:
                replace(module, entry, content, done)
    attributes: dict[str, Any] = {"before_header": path, "after_header": path}
    if os.path.exists(path) and attributes_differ(module, entry, attributes) and not is_new:
        diffs.append(attributes)
    return diffs


def remove_others(module: AnsibleModule, entry: Entry, done: list[str]) -> list[dict[str, Any]]:
    """Remove what a directory should not hold; returns what was removed, whose paths `done` then has."""
    diffs: list[dict[str, Any]] = []
    if entry["only"] is None or not os.path.isdir(entry["path"]):
        return diffs
    for name in sorted(set(os.listdir(entry["path"])) - set(entry["only"])):
        path = os.path.join(entry["path"], name)
        if os.path.isdir(path) and not os.path.islink(path):
            continue
        if not module.check_mode:
            os.unlink(path)
        diffs.append({"before_header": path, "after_header": path, "before": f"{name}\n", "after": ""})
        done.append(path)
    return diffs


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                # or the journal would have them, as a text in which Ansible does not find a secret of several lines
                "no_log": True,
                "mutually_exclusive": [("content", "secret_content", "only")],
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str"},
                    "secret_content": {"type": "str", "no_log": True},
                    "secret_pattern": {"type": "str", "no_log": False},
                    "only": {"type": "list", "elements": "str"},
                    "owner": {"type": "str", "default": "root"},
                    "group": {"type": "str", "default": "root"},
                    "mode": {"type": "str", "required": True},
                    "validate": {"type": "str"},
                    "validate_errors": {"type": "str"},
                },
            },
        },
        supports_check_mode=True,
    )
    # which has everything in the files masked; what is secret is in the entries
    module.no_log_values = {entry["secret_content"] for entry in module.params["files"] if entry["secret_content"]}
    os.umask(0o077)  # a new file is nobody else's until it has its owner and mode
    changed: list[str] = []
    diffs: list[dict[str, Any]] = []
    for entry in module.params["files"]:
        try:
            found = apply(module, entry, changed)
            if found:
                changed.append(entry["path"])
                diffs += found
            diffs += remove_others(module, entry, changed)
        except OSError as error:
            module.fail_json(
                msg=f"{entry['path']} cannot be written: {error.strerror}", changed=bool(changed), changed_paths=changed
            )
    module.exit_json(changed=bool(changed), changed_paths=changed, diff=diffs)


if __name__ == "__main__":
    main()
