"""Make calls with Alipay's own SDK: run by the Python of the environment that has it.

The order is JSON on the standard input: `port`, `client_id`, `private_key`, `alipay_public_key`,
`threads`, and `calls`, each with `api` (pay, cancel, inquiryPayment) and `payment_request_id`; of
a pay also `form` and `notify_url`; of a refund `refund_request_id`, `payment_id`, `value` in USD
and `notify_url`, of an inquiryRefund the first of these. What came of each call is printed as JSON,
with the seconds that all of them took (`wall`) and that this process worked (`cpu`). An answer is
here only when the SDK took its signature for genuine; `read` is what its response class made of it.

`notifications` (path, client_id, time, body, signature) are verified by the SDK's webhook helper,
and `heard` is what its class reads of those that tell of a refund; `to_sign` (path, client_id,
time, body, private_key) are signed by its signature tool; `bodies` are the requests of these calls
as the SDK would send them.
"""

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import rsa
from com.alipay.ams.api.default_alipay_client import DefaultAlipayClient
from com.alipay.ams.api.exception.exception import AlipayApiException
from com.alipay.ams.api.model.amount import Amount
from com.alipay.ams.api.model.env import Env
from com.alipay.ams.api.model.merchant import Merchant
from com.alipay.ams.api.model.order import Order
from com.alipay.ams.api.model.payment_factor import PaymentFactor
from com.alipay.ams.api.model.payment_method import PaymentMethod
from com.alipay.ams.api.model.product_code_type import ProductCodeType
from com.alipay.ams.api.model.store import Store
from com.alipay.ams.api.net import default_http_rpc
from com.alipay.ams.api.request.notify.alipay_refund_notify import AlipayRefundNotify
from com.alipay.ams.api.request.pay.alipay_inquiry_refund_request import AlipayInquiryRefundRequest
from com.alipay.ams.api.request.pay.alipay_pay_cancel_request import AlipayPayCancelRequest
from com.alipay.ams.api.request.pay.alipay_pay_query_request import AlipayPayQueryRequest
from com.alipay.ams.api.request.pay.alipay_pay_request import AlipayPayRequest
from com.alipay.ams.api.request.pay.alipay_refund_request import AlipayRefundRequest
from com.alipay.ams.api.request.pay.entry_code_payment_request import EntryCodePaymentRequest
from com.alipay.ams.api.request.pay.order_code_payment_request import OrderCodePaymentRequest
from com.alipay.ams.api.request.pay.user_presented_code_payment_request import (
    UserPresentedCodePaymentRequest,
)
from com.alipay.ams.api.response.pay.alipay_inquiry_refund_response import (
    AlipayInquiryRefundResponse,
)
from com.alipay.ams.api.response.pay.alipay_pay_cancel_response import AlipayPayCancelResponse
from com.alipay.ams.api.response.pay.alipay_pay_query_response import AlipayPayQueryResponse
from com.alipay.ams.api.response.pay.alipay_pay_response import AlipayPayResponse
from com.alipay.ams.api.response.pay.alipay_refund_response import AlipayRefundResponse
from com.alipay.ams.api.tools.signature_tool import sign
from com.alipay.ams.api.tools.webhook_tool import check_signature

RESPONSES = {
    "pay": AlipayPayResponse,
    "cancel": AlipayPayCancelResponse,
    "inquiryPayment": AlipayPayQueryResponse,
    "refund": AlipayRefundResponse,
    "inquiryRefund": AlipayInquiryRefundResponse,
}


def redirect(port):
    """Let the SDK, which knows port 443 alone, connect to `port` instead; nothing else changes."""

    def connection(**options):
        return http.client.HTTPSConnection(**{**options, "port": port})

    default_http_rpc.http_client = SimpleNamespace(HTTPSConnection=connection)


def request_of(call):
    if call["api"] == "pay":
        return pay_request(call)
    if call["api"] == "refund":
        return refund_request(call)
    if call["api"] == "inquiryRefund":
        request = AlipayInquiryRefundRequest()
        request.refund_request_id = call["refund_request_id"]
        request.merchant_account_id = call.get("merchant_account_id")
        return request
    kinds = {"cancel": AlipayPayCancelRequest, "inquiryPayment": AlipayPayQueryRequest}
    request = kinds[call["api"]]()
    request.payment_request_id = call["payment_request_id"]
    return request


def refund_request(call):
    request = AlipayRefundRequest()
    request.refund_request_id = call["refund_request_id"]
    request.payment_id = call["payment_id"]
    request.refund_amount = Amount("USD", call["value"])
    request.refund_notify_url = call.get("notify_url")
    return request


def pay_request(call):
    """Ask for 12.50 USD as the SDK's own helpers do, or online when there is none of them."""
    order = shop_order()
    named = {"payment_notify_url": call.get("notify_url")}
    asked = (call["payment_request_id"], order, "USD", "1250")
    if call["form"] == "PaymentCode":
        return UserPresentedCodePaymentRequest(*asked, "288888888888888888", **named)
    if call["form"] == "OrderCode":
        return OrderCodePaymentRequest(*asked, **named)
    if call["form"] == "EntryCode":
        return EntryCodePaymentRequest(*asked, **named)
    request = AlipayPayRequest()
    request.product_code = ProductCodeType.CASHIER_PAYMENT
    request.payment_request_id = call["payment_request_id"]
    request.order = order
    request.payment_amount = Amount("USD", "1250")
    request.payment_method = PaymentMethod()
    request.payment_method.payment_method_type = "CARD"
    request.payment_factor = PaymentFactor()
    request.payment_factor.is_authorization = True
    request.payment_notify_url = call.get("notify_url")
    return request


def shop_order():
    order = Order()
    order.reference_order_id = "1"
    order.order_description = "Tee für 茶客"
    order.order_amount = Amount("USD", "1250")
    order.merchant = Merchant()
    order.merchant.reference_merchant_id = "tea-shop"
    order.merchant.merchant_mcc = "5499"
    order.merchant.merchant_name = "Tea shop"
    order.merchant.store = Store()
    order.merchant.store.reference_store_id = "tea-shop-1"
    order.merchant.store.store_name = "Harbour Street"
    order.merchant.store.store_mcc = "5499"
    order.env = Env()
    order.env.store_terminal_id = "till-1"
    order.env.store_terminal_request_time = "2026-01-02T12:00:00+08:00"
    order.env.user_agent = "a browser"
    return order


def make(client, call):
    try:
        body = client.execute(request_of(call))
    except AlipayApiException as error:
        return {"error": str(error)}
    except (http.client.HTTPException, OSError) as error:
        return {"error": type(error).__name__}  # it does not wrap what fails while it reads
    told = {"answer": json.loads(body)}
    try:
        read = RESPONSES[call["api"]](body)
    except TypeError as error:
        return {**told, "unreadable": str(error)}
    told["read"] = {
        "result": read.result.result_status.name,
        "payment_id": getattr(read, "payment_id", None),
        "payment_status": getattr(getattr(read, "payment_status", None), "name", None),
        "auth_expiry_time": getattr(read, "auth_expiry_time", None),
        **of_refund(read),
    }
    form = getattr(read, "order_code_form", None)
    if form:
        told["read"]["codes"] = [code.code_value for code in form.code_details]
    return told


def of_refund(read):
    """Return what the SDK's classes make of a refund, nothing for another answer."""
    if not hasattr(read, "refund_request_id"):
        return {}
    status, amount = getattr(read, "refund_status", None), read.refund_amount
    return {
        "refund_request_id": read.refund_request_id,
        "refund_id": read.refund_id,
        "refund_status": getattr(status, "name", status),
        "refund_amount": amount and f"{amount.value} {amount.currency}",
        "refund_time": read.refund_time,
    }


def heard(sent):
    told = json.loads(sent["body"])
    if told["notifyType"] != "REFUND_RESULT":
        return None
    return of_refund(AlipayRefundNotify(sent["body"]))


def is_genuine(order, sent):
    names = ("path", "client_id", "time", "body", "signature")
    try:
        return check_signature("POST", *map(sent.get, names), order["alipay_public_key"])
    except rsa.VerificationError:
        return False


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
        "genuine": [is_genuine(order, sent) for sent in order.get("notifications", [])],
        "heard": [heard(sent) for sent in order.get("notifications", [])],
        "bodies": [request_of(call).to_ams_json() for call in order.get("bodies", [])],
        "signed": [
            sign(
                "POST",
                each["path"],
                each["client_id"],
                each["time"],
                each["body"],
                each["private_key"],
            )
            for each in order.get("to_sign", [])
        ],
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - worked,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
