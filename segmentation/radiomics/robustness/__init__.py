"""How far do features move when image and contour are changed as little as another scan or reader would change them?"""
