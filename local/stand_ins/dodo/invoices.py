"""Invoices as small PDF files, written without a library: one page, one font."""

from local.stand_ins.dodo.business.books import Books
from local.stand_ins.dodo.business.clock import as_text
from local.stand_ins.dodo.business.records import Payment

_LINE_HEIGHT = 18


def invoice_pdf(books: Books, payment: Payment) -> bytes:
    """Return the invoice of a payment."""
    customer = books.customers[payment.customer_id]
    product = books.products[payment.product_id]
    lines = (
        f"Invoice {payment.invoice_id}",
        "Invented: no money was charged.",
        f"{customer.name} <{customer.email}>",
        f"{as_text(payment.created_at)}",
        f"{product.name}, {payment.charge_type}: {_amount(payment.total_cents - payment.tax_cents, payment.currency)}",
        f"Tax: {_amount(payment.tax_cents, payment.currency)}",
        f"Total: {_amount(payment.total_cents, payment.currency)}",
    )
    return _pdf(lines)


def _amount(cents: int, currency: str) -> str:
    return f"{cents // 100}.{cents % 100:02} {currency}"


def _pdf(lines: tuple[str, ...]) -> bytes:
    text = "\n".join(f"({_escaped(line)}) Tj 0 -{_LINE_HEIGHT} Td" for line in lines)
    stream = f"BT /F1 12 Tf 72 770 Td\n{text}\nET".encode("latin-1", "replace")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    content, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    content += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(content)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
