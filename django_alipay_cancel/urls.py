"""The REST routes, to be included where the shop wants them."""

from django_alipay_cancel.api.permissions import Access
from django_alipay_cancel.api.routes import routes

__all__ = ["app_name", "routes", "urlpatterns"]

app_name = "django_alipay_cancel"
urlpatterns = routes(Access())
