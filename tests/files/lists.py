"""Lists of payments to cancel, as operators have them: which are found, and what is said.

Three payments there are: pay-1, pay-2 and pay-3, with long numbers of Alipay's and the shop's order
numbers 1001, 1002 and #1003.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.files.variants import text, utf8

ALIPAY = tuple(f"202611241940108300880018800{n}1" for n in (1, 2, 3))
REFERENCES = ("1001", "1002", "#1003")


@dataclass(frozen=True)
class List:
    """A file, how it is read, the payments that it names, what is said, and the exit status."""

    name: str
    content: bytes
    found: tuple[int, ...] = (1,)
    says: tuple[str, ...] = ()
    status: int = 0
    options: tuple[str, ...] = ()


ALL = [
    List("ids, one a line", utf8("pay-1", ALIPAY[1], "#1003"), (1, 2, 3)),
    List("order numbers that all begin with #", utf8("#1003"), (3,)),
    List("with its mark, as from Windows", text("pay-1", end="\r\n").encode("utf-8-sig")),
    List("UTF-16", text("pay-1").encode("utf-16")),
    List("GB18030 with a remark", text("pay-1", "pay-2 客户取消").encode("gb18030"), (1,),
         ("line 2: No payment has the id 'pay-2 客户取消'.", "1 ids are unknown"), 1),
    List("a comment", utf8("# to cancel", "pay-1")),
    List("quoted", utf8('"pay-1"', '"1002"'), (1, 2)),
    List("semicolons behind", utf8("pay-1;", "pay-2;"), (1, 2)),
    List("tabs and no-break spaces behind", utf8("pay-1\t", "pay-2\u00a0"), (1, 2)),
    List("a header", utf8("payment_request_id", "pay-1", "pay-2"), (1, 2)),
    List("a header and more", utf8("payment_request_id,reason", "pay-1,ordered twice")),
    List("tabs between, heads in Chinese",
         text("支付ID\t商城订单号", f"{ALIPAY[0]}\t1001").encode("utf-16")),
    List("what is in the first column with something in it",
         utf8("payment_request_id,payment_id,reference", "pay-1,,", f",{ALIPAY[1]},", ",,#1003"),
         (1, 2, 3)),
    List("columns by hand", utf8("Name,Total", "#1003,12.50"), (3,), (), 0,
         ("--columns", "reference=Name")),
    List("one payment twice", utf8("pay-1", "1001")),
    List("ids of two payments in one line", utf8("payment_request_id,reference", "pay-1,1002"), (),
         ("line 2: What the line says of 'pay-1' belongs to another payment.",), 1),
    List("a line without an id", utf8("payment_request_id,reason", ",none", "pay-1,x"), (1,),
         ("line 2: The line has no id.",), 1),
    List("a number that Excel shortened", utf8("2.02611E+28", "pay-1"), (1,),
         ("line 1: id '2.02611E+28' is no id: a number in scientific notation",), 1),
    List("an apostrophe", utf8("'" + ALIPAY[0]), (), ("an apostrophe",), 1),
    List("a zero-width space", utf8("\u200bpay-1"), (), ("an invisible character",), 1),
    List("nothing that is known", utf8("a", "b"), (), ("2 ids are unknown",), 1),
    List("empty", b"", (), ("is empty.",), 1),
    List("only blank lines", b"\r\n ,\r\n", (), ("is empty.",), 1),
    List("only a header", utf8("payment_id"), (), ("There is no line with an id.",), 1),
    List("several cells and no header", utf8("pay-1,ordered twice", "pay-2,x"), (),
         ("line 1 has several cells and the file has no header that is known",), 1),
    List("a header that names no payment", utf8("merchant", "default"), (),
         ("No column names payments: id, payment_request_id, payment_id, reference.",), 1),
    List("a head twice", utf8("payment_id,支付ID", "a,b"), (), ("is there twice",), 1),
    List("a quote that does not close", utf8("pay-1", '"pay-2', "pay-3"), (),
         ("line 2: a quotation mark has no partner",), 1),
    List("a spreadsheet", b"PK\x03\x04", (), ("save it as CSV UTF-8",), 1),
    List("an unknown merchant", utf8("pay-1"), (), ("There is no merchant 'euro'",), 1,
         ("--merchant", "euro")),
    List("an order number of two payments", utf8("pay-1", "same"), (), ("names 2 payments",), 1),
    List("another encoding by hand", "é-1\npay-1\n".encode("latin-1"), (1,),
         ("No payment has the id 'é-1'",), 1, ("--encoding", "latin-1")),
]  # fmt: skip
