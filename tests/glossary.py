"""Words that the glossary forbids; tests look for them in what people read."""

from __future__ import annotations

# For our own words; refunds may be named, as what they are.
FORBIDDEN = {
    "en": ["canceled", "canceling", "transaction", "void", "customer", "provider"],
    "zh-hans": [
        "交易",
        "商家",
        "商户订单号",
        "冲正",
        "尝试",
        "建议",
        "待审核",
        "拒绝",
        "捕获",
        "撤消",
        "撤销",
        "结算",
        "超时",
    ],
}
# Alone on a button they mean "abort" and "OK".
FORBIDDEN_ALONE = ["取消", "确定"]
