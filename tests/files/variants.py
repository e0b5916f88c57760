"""Files as operators have them, made here: what is in each, what is recorded of it, what is said.

python -m tests.files.variants DIRECTORY writes them all, to look at.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

HEADER = "payment_request_id,payment_id,amount_value,amount_currency,reference,paid_at"
LONG, OTHER_LONG = "20261124194010830088001880021", "20261124194010830088001880022"
LINE = f"pay-1001,{LONG},1250,USD,1001,2026-11-24T09:30:00+00:00"
OTHER = LINE.replace("1001", "1002").replace(LONG, OTHER_LONG)
ROW = ("pay-1001", LONG, 1250, "USD", "1001", "SUCCESS")
OTHER_ROW = ("pay-1002", OTHER_LONG, 1250, "USD", "1002", "SUCCESS")


@dataclass(frozen=True)
class Variant:
    """A file, how it is read, the payments recorded of it, what is said, and the exit status."""

    name: str
    content: bytes
    rows: tuple[tuple, ...] = (ROW,)
    says: tuple[str, ...] = ()
    status: int = 0
    options: tuple[str, ...] = ()


def text(*lines: str, end: str = "\n") -> str:
    return "".join(line + end for line in lines)


def utf8(*lines: str) -> bytes:
    return text(*lines).encode()


def with_id(id: str) -> bytes:
    """A file whose first payment has lost its payment_id, and whose second is as it should be."""
    return utf8(HEADER, LINE.replace(LONG, id), OTHER)


def destroyed(name: str, id: str, cause: str) -> Variant:
    """A line with such an id is refused, with the cause; the next one is recorded."""
    return Variant(name, with_id(id), (OTHER_ROW,), ("line 2: payment_id", cause), 1)


CHINESE = "支付请求ID,支付ID,金额,币种,商城订单号,支付时间"
MAJOR = LINE.replace("1250", "12.50")
GBK_ROW = (*ROW[:4], "订单1001", "SUCCESS")
BILL = text(
    "#支付宝业务明细查询",
    "#账号：[20880000000000000156]",
    "#-----------------业务明细列表----------------",
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,订单金额（元）",
    "2026112422001400001\t,pay-1001\t,交易,鞋,2026-11-24 09:30:00,2026-11-24 09:30:09,12.50",
    "#-----------------业务明细列表结束------------",
    "#交易合计：1笔，商家实收共12.50元",
    end="\r\n",
).encode("gb18030")
BILL_ROW = ("pay-1001", "2026112422001400001", None, "", "", "SUCCESS")

READ = [
    Variant("UTF-8", utf8(HEADER, LINE)),
    Variant("UTF-8 with its mark, lines end as on Windows",
            text(HEADER, LINE, end="\r\n").encode("utf-8-sig")),
    Variant("lines end as on an old Mac", text(HEADER, LINE, end="\r").encode()),
    Variant("UTF-16 with tabs, Excel's Unicode text",
            text(HEADER, LINE, end="\r\n").replace(",", "\t").encode("utf-16")),
    Variant("UTF-16, big end first", b"\xfe\xff" + text(HEADER, LINE).encode("utf-16-be")),
    Variant("UTF-16 without its mark", text(HEADER, LINE).encode("utf-16-le")),
    Variant("UTF-16 without its mark, big end first", text(HEADER, LINE).encode("utf-16-be")),
    Variant("GB18030", text(HEADER, LINE.replace(",1001,", ",订单1001,")).encode("gb18030"),
            (GBK_ROW,)),
    Variant("GB18030 with Chinese heads", text(CHINESE, MAJOR).encode("gb18030")),
    Variant("Chinese heads", utf8(CHINESE, MAJOR)),
    Variant("semicolons", text(HEADER, LINE).replace(",", ";").encode()),
    Variant("tabs", text(HEADER, LINE).replace(",", "\t").encode()),
    Variant("all quoted", text('"' + HEADER.replace(",", '","') + '"',
                               '"' + LINE.replace(",", '","') + '"').encode()),
    Variant("all quoted, semicolons", text('"' + HEADER.replace(",", '";"') + '"',
                                           '"' + LINE.replace(",", '";"') + '"').encode()),
    Variant("heads with blanks and capitals",
            utf8(HEADER.replace("payment_request_id", " Payment_Request_ID "), LINE)),
    Variant("heads as on Alipay's wire", utf8("paymentRequestId,paymentId", f"pay-1001,{LONG}"),
            (("pay-1001", LONG, None, "", "", "PROCESSING"),)),
    Variant("blank heads at the end", utf8(HEADER + ",,", LINE + ",,")),
    Variant("a blank head in the middle",
            utf8(HEADER.replace(",reference", ",,reference"), LINE.replace(",1001,", ",x,1001,"))),
    Variant("cells beyond the header that are empty", utf8(HEADER, LINE + ",,")),
    Variant("a thousand empty rows", utf8(HEADER, LINE, *[",,,,,"] * 1000, "", "   ")),
    Variant("a line for Excel", utf8("sep=;", *(x.replace(",", ";") for x in (HEADER, LINE)))),
    Variant("a tab after the id, as in Alipay's bills", with_id(LONG + "\t"), (ROW, OTHER_ROW)),
    Variant("no line end at the end", text(HEADER, LINE).removesuffix("\n").encode()),
    Variant("comments above the header", utf8("# of November", "#------", HEADER, LINE)),
    Variant("a reference that begins with #, first in its line",
            utf8("reference,payment_request_id", "#1001,pay-1001"),
            (("pay-1001", None, None, "", "#1001", "PROCESSING"),)),
    Variant("amounts in major units",
            utf8("payment_request_id,amount,amount_currency", "a,12.50,USD", "b,1250,JPY",
                 "c,1.250,KWD", "d,12.5,USD"),
            (("a", None, 1250, "USD", "", "PROCESSING"), ("b", None, 1250, "JPY", "", "PROCESSING"),
             ("c", None, 1250, "KWD", "", "PROCESSING"),
             ("d", None, 1250, "USD", "", "PROCESSING"))),
    Variant("another encoding, by hand",
            text(HEADER, LINE.replace(",1001,", ",Ñ-1001,")).encode("latin-1"),
            ((*ROW[:4], "Ñ-1001", "SUCCESS"),), options=("--encoding", "latin-1")),
    Variant("another delimiter, by hand", text(HEADER, LINE).replace(",", "|").encode(),
            options=("--delimiter", "|")),
    Variant("a bill of Alipay's, by hand", BILL, (BILL_ROW,), options=(
        "--columns", "payment_id=支付宝交易号", "payment_request_id=商户订单号",
        "paid_at=完成时间")),
    Variant("two lines of one payment", utf8(HEADER, LINE, LINE),
            says=("1 payments recorded: 1 new, 0",)),
    Variant("two lines that complete each other",
            utf8("payment_request_id,payment_id,reference", "a,,", "a,A,", ",A,1001"),
            (("a", "A", None, "", "1001", "PROCESSING"),), ("1 new, 0 completed, 0 unchanged",)),
]  # fmt: skip

REFUSED = [
    destroyed("scientific notation", "2.02611E+28", "a number in scientific notation"),
    destroyed("scientific notation with a comma",
              '"2,02611E+28"', "a number in scientific notation"),
    destroyed("a float of Python", "2.0261124194010832e+28", "a number in scientific notation"),
    destroyed("a decimal number", "2026112419401083.0", "a decimal number"),
    destroyed("digits that Excel has lost", LONG[:15] + "0" * 13, "keeps 15 digits"),
    destroyed("an apostrophe", "'" + LONG, "an apostrophe"),
    destroyed("a formula", f'"=""{LONG}"""', "a formula"),
    destroyed("a formula without quotes around it", f'="{LONG}"', "a formula"),
    destroyed("a backtick", "`" + LONG, "a backtick"),
    destroyed("a zero-width space", LONG + "\u200b", "an invisible character"),
    destroyed("a zero-width space in front", "\u200b" + LONG, "an invisible character"),
    destroyed("a no-break space within", f"{LONG[:9]}\u00a0{LONG[9:]}", "an invisible character"),
    destroyed("full-width digits", "２０２６１１２４", "full-width characters"),
    destroyed("MySQL's nothing", r"\N", '"nothing"'),
    destroyed("SQL's nothing", "NULL", '"nothing"'),
    destroyed("Python's nothing", "None", '"nothing"'),
    destroyed("pandas' nothing", "nan", '"nothing"'),
    destroyed("a look-up that found nothing", "#N/A", "an error of a spreadsheet"),
    destroyed("cells that are too narrow", "########", "an error of a spreadsheet"),
    Variant("the reference destroyed", utf8(HEADER, LINE.replace(",1001,", ",NULL,"), OTHER),
            (OTHER_ROW,), ("line 2: reference 'NULL'",), 1),
    Variant("a NUL", utf8(HEADER, LINE.replace("pay-", "pay\x00-"), OTHER), (OTHER_ROW,),
            ("line 2: payment_request_id 'pay\\x00-1001' is no id: an invisible",), 1),
    Variant("two references for one payment",
            utf8("payment_request_id,reference", "a,1", "b,2", "a,3"),
            (("b", None, None, "", "2", "PROCESSING"),),
            ("line 2: Another line", "line 4: Another line", "1 new, 0 completed, 0 unchanged; 1 "
             "refused.", "2 lines were left out"), 1),
    Variant("two references for one payment, by different ids",
            utf8("payment_request_id,payment_id,reference", "a,A,1", ",A,3"), (),
            ("line 2: Another line", "line 3: Another line"), 1),
    Variant("a merchant that there is not",
            utf8("payment_request_id,merchant", "a,euro", "a,default"),
            (("a", None, None, "", "", "PROCESSING"),),
            ("line 2: There is no merchant 'euro'; there are default.",), 1),
    Variant("a customer whom nobody knows", utf8("payment_request_id,customer", "a,bob"), (),
            ("line 2: There is no user 'bob'.",), 1),
    Variant("too few cells", utf8(HEADER, "pay-1001,A", OTHER), (OTHER_ROW,),
            ("line 2: The line has 2 cells, the header has 6.",), 1),
    Variant("too many cells", utf8(HEADER, LINE + ",x", OTHER), (OTHER_ROW,),
            ("line 2: The line has 7 cells, the header has 6.",), 1),
    Variant("an amount that is none", utf8(HEADER, MAJOR, OTHER), (OTHER_ROW,),
            ("line 2: amount_value '12.50' is no whole number",), 1),
    Variant("a thousand separator",
            utf8("payment_request_id,amount,amount_currency", 'a,"1,250.00",USD'), (),
            ("line 2: amount '1,250.00' is no amount",), 1),
    Variant("more decimals than the currency has",
            utf8("payment_request_id,amount,amount_currency", "a,12.505,USD", "b,1.5,JPY"), (),
            ("line 2: USD has 2 decimals", "line 3: JPY has 0 decimals"), 1),
    Variant("two amounts", utf8("payment_request_id,amount,amount_value,amount_currency",
                                "a,12.50,12,USD"), (),
            ("line 2: amount and amount_value are not the same",), 1),
    Variant("an amount without a currency",
            utf8("payment_request_id,amount", "a,12.50"), (), ("line 2: amount_value and",), 1),
    Variant("a date of nowhere", utf8(HEADER, LINE.replace("2026-11-24T", "0000-00-00T"), OTHER),
            (OTHER_ROW,), ("line 2: paid_at '0000-00-00T",), 1),
    Variant("a date as Excel shows it",
            utf8(HEADER, LINE.replace("2026-11-24T09:30:00+00:00", "2026/11/24 9:30"), OTHER),
            (OTHER_ROW,), ("line 2: paid_at '2026/11/24 9:30' is no ISO 8601 time.",), 1),
]  # fmt: skip

FATAL = [
    Variant("empty", b"", (), ("is empty: there is no header line",), 1),
    Variant("only blank lines", b"\r\n ;;\r\n", (), ("is empty",), 1),
    Variant("only a header", HEADER.encode(), (), ("There is no line with a payment.",), 1),
    Variant("a spreadsheet", b"PK\x03\x04\x14\x00\x06\x00", (), ("save it as CSV UTF-8",), 1),
    Variant("an old spreadsheet", b"\xd0\xcf\x11\xe0\xa1\xb1", (), ("save it as CSV UTF-8",), 1),
    Variant("no text", bytes(range(128, 256)) * 9, (), ("neither UTF-8, UTF-16 nor GB18030",), 1),
    Variant("not the encoding that was named", "é".encode("latin-1"), (),
            ("cannot be read as utf-8",), 1, ("--encoding", "utf-8")),
    Variant("an encoding that there is not", utf8(HEADER, LINE), (),
            ("There is no encoding 'klingon'",), 1, ("--encoding", "klingon")),
    Variant("a delimiter of two characters", utf8(HEADER, LINE), (),
            ("--delimiter is one character",), 1, ("--delimiter", "||")),
    Variant("a head that nobody knows", utf8(HEADER.replace("payment_id", "paymnet_id"), LINE), (),
            ("paymnet_id (did you mean payment_id?)", "--columns ours=theirs"), 1),
    Variant("no head that anybody knows", utf8("zebra", "a"), (), ("Unknown columns: zebra.",), 1),
    Variant("a bill of Alipay's", BILL, (), ("业务类型", "--columns ours=theirs"), 1),
    Variant("a head twice", utf8("payment_request_id,payment_id,payment_id", "a,A,B"), (),
            ("The column payment_id is there twice: 'payment_id' (2) and 'payment_id' (3).",), 1),
    Variant("a head twice, in two languages", utf8("payment_id,支付ID", "A,B"), (),
            ("The column payment_id is there twice: 'payment_id' (1) and '支付ID' (2).",), 1),
    Variant("a column by hand that is not there", utf8(HEADER, LINE), (),
            ("There is no column 'trade'; there are payment_request_id,",), 1,
            ("--columns", "payment_id=trade")),
    Variant("a column by hand that is none of ours", utf8(HEADER, LINE), (),
            ("--columns takes ours=theirs, not 'order=reference'.",), 1,
            ("--columns", "order=reference")),
    Variant("no head at all", utf8('"",""', "a,b"), (), ("There is no header line.",), 1),
    Variant("a column by hand that is there twice", utf8("x,x", "a,b"), (),
            ("The column x is there twice: 'x' (1) and 'x' (2).",), 1,
            ("--columns", "payment_id=x")),
    Variant("a column by hand, twice", utf8(HEADER, LINE), (), ("is there twice",), 1,
            ("--columns", "payment_id=payment_id", "payment_id=reference")),
    Variant("a merchant that there is not, by hand", utf8(HEADER, LINE), (),
            ("There is no merchant 'euro'; there are default.",), 1, ("--merchant", "euro")),
    Variant("a quote that does not close", utf8(HEADER, LINE, OTHER.replace(",1002,", ',"1002,'),
                                                LINE.replace("1001", "1003")),
            (ROW,), ("line 3: a quotation mark has no partner",), 1),
    Variant("a quote that does not open", utf8(HEADER, LINE, OTHER.replace(",1002,", ',1002",')),
            (ROW,), ("line 3: a quotation mark has no partner",), 1),
    Variant("a quote in the middle of quotes",
            utf8(HEADER, LINE, OTHER.replace(",1002,", ',"10"02"",')),
            (ROW,), ("line 3: a quotation mark has no partner",), 1),
    Variant("a line end inside a cell", utf8(HEADER, LINE, OTHER.replace(",1002,", ',"10\n02",')),
            (ROW,), ("line 3: a quotation mark has no partner",), 1),
    Variant("a quote in the header", utf8('"' + HEADER, LINE), (),
            ("line 1: a quotation mark has no partner",), 1),
]  # fmt: skip

ALL = [*READ, *REFUSED, *FATAL]


def main(directory: Path) -> None:
    """Write each of them into a file."""
    for number, variant in enumerate(ALL, start=1):
        name = f"{number:02} {variant.name.replace('/', '-')}.csv"
        (directory / name).write_bytes(variant.content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
