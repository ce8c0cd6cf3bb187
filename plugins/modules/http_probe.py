#!/usr/bin/python
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to VIPs, as a client sends them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http_probe
short_description: Send requests to addresses and return the answers
version_added: 0.1.0
description:
  - Sends one request to each address and port of a list, in one call, each over its own connection.
  - Certificates are not verified, because the question is who answers. Redirects are not followed.
author:
  - multitier.loadbalancer contributors (@multitier)
extends_documentation_fragment:
  - multitier.loadbalancer.attributes
attributes:
  check_mode:
    support: full
    details: It changes nothing.
  diff_mode:
    support: N/A
    details: It changes nothing.
options:
  requests:
    description: Requests to send.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: IPv4 or IPv6 address.
        type: str
        required: true
      port:
        description: Port.
        type: int
        required: true
      protocol:
        description: Whether to speak TLS.
        type: str
        choices: [http, https]
        default: http
      host:
        description: Host name of the request, and of TLS server name indication; the address if not given.
        type: str
      path:
        description: Path of the request.
        type: str
        default: /
  timeout:
    description: Seconds to wait for each step of a request.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Ask for a page through the VIP
  multitier.loadbalancer.http_probe:
    requests:
      - {address: 198.51.100.1, port: 443, protocol: https, host: www.example.com}
  register: answers
"""

RETURN = r"""
answers:
  description: One entry for each request, in order.
  returned: success
  type: list
  elements: dict
  contains:
    status:
      description: Status code; null when there was no answer.
      type: int
    location:
      description: The header C(Location); empty when there is none.
      type: str
    body:
      description: The first 4096 characters of the body.
      type: str
    error:
      description: Why there was no answer; empty when there was one.
      type: str
    local_port:
      description: Source port of the connection; null when there was none.
      type: int
  sample: [{status: 200, location: "", body: "ok", error: "", local_port: 40412}]
"""

import http.client
import ssl
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def connect(request: dict[str, Any], timeout: float) -> http.client.HTTPConnection:
    """A connection, made to the address, not to the host name."""
    connection = http.client.HTTPConnection(request["address"], request["port"], timeout=timeout)
    connection.connect()
    if request["protocol"] == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection.sock = context.wrap_socket(connection.sock, server_hostname=request["host"] or request["address"])
    return connection


def send(request: dict[str, Any], timeout: float) -> dict[str, Any]:
    """What came back for a request; errors are answers too."""
    answer: dict[str, Any] = {"status": None, "location": "", "body": "", "error": "", "local_port": None}
    try:
        connection = connect(request, timeout)
    except (OSError, http.client.HTTPException) as error:
        return {**answer, "error": f"{type(error).__name__}: {error}"}
    try:
        answer["local_port"] = connection.sock.getsockname()[1]
        address = f"[{request['address']}]" if ":" in request["address"] else request["address"]
        connection.request("GET", request["path"], headers={"Host": request["host"] or address, "Connection": "close"})
        response = connection.getresponse()
        answer["body"] = response.read(4096).decode("utf-8", "replace")
        answer["status"] = response.status
        answer["location"] = response.getheader("Location") or ""
    except (OSError, http.client.HTTPException) as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "requests": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "address": {"type": "str", "required": True},
                    "port": {"type": "int", "required": True},
                    "protocol": {"type": "str", "choices": ["http", "https"], "default": "http"},
                    "host": {"type": "str"},
                    "path": {"type": "str", "default": "/"},
                },
            },
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    timeout = module.params["timeout"]
    module.exit_json(changed=False, answers=[send(request, timeout) for request in module.params["requests"]])


if __name__ == "__main__":
    main()
