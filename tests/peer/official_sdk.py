"""Make calls with Alipay's own SDK: run by the Python of the environment that has it.

The order is JSON on the standard input: `port`, `client_id`, `private_key`, `alipay_public_key`,
`threads`, and `calls`, each with `api` (cancel, inquiryPayment) and `payment_request_id`. What
came of each call is printed as JSON, with the seconds that all of them took (`wall`) and that
this process worked (`cpu`). An answer is here only when the SDK took its signature for genuine.
"""

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from com.alipay.ams.api.default_alipay_client import DefaultAlipayClient
from com.alipay.ams.api.exception.exception import AlipayApiException
from com.alipay.ams.api.net import default_http_rpc
from com.alipay.ams.api.request.pay.alipay_pay_cancel_request import AlipayPayCancelRequest
from com.alipay.ams.api.request.pay.alipay_pay_query_request import AlipayPayQueryRequest

REQUESTS = {"cancel": AlipayPayCancelRequest, "inquiryPayment": AlipayPayQueryRequest}


def redirect(port):
    """Let the SDK, which knows port 443 alone, connect to `port` instead; nothing else changes."""

    def connection(**options):
        return http.client.HTTPSConnection(**{**options, "port": port})

    default_http_rpc.http_client = SimpleNamespace(HTTPSConnection=connection)


def make(client, call):
    request = REQUESTS[call["api"]]()
    request.payment_request_id = call["payment_request_id"]
    try:
        return {"answer": json.loads(client.execute(request))}
    except AlipayApiException as error:
        return {"error": str(error)}


def main(order):
    redirect(order["port"])
    client = DefaultAlipayClient(
        "https://localhost",
        order["client_id"],
        order["private_key"],
        order["alipay_public_key"],
    )
    began, worked = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(order["threads"]) as pool:
        told = list(pool.map(lambda call: make(client, call), order["calls"]))
    return {
        "told": told,
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - worked,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
